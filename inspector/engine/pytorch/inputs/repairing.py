"""Repairs a guess: what a call wants of a tensor, said of the inputs that the tensor came from."""

from collections.abc import Iterator
from math import prod

from msgspec.structs import replace

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.wants import INSERTED, MIXED, SAMPLES, Origin, Want

Guess = tuple[InputSpec, ...]
"""A spec for every input, each with its name."""
DEFAULT_SIZES: tuple[int, ...] = (1, 16, 16, 16, 16)


MOST_AXES, MOST_ELEMENTS = 6, 1 << 23


def repairs(guess: Guess, want: Want, batch: int, pinned: frozenset[str]) -> Iterator[Guess]:
    """Guesses that give the call what it wants; the inputs in `pinned` stay as they are."""
    for repaired in _all_repairs(guess, want, batch, pinned):
        shapes = [spec.shape for spec in repaired if spec.shape]
        if all(len(shape) <= MOST_AXES and prod(shape) <= MOST_ELEMENTS for shape in shapes):
            yield repaired


def _all_repairs(guess: Guess, want: Want, batch: int, pinned: frozenset[str]) -> Iterator[Guess]:
    origins = [origin for origin in want.origins if origin.name not in pinned]
    for origin in origins:
        spec = _spec(guess, origin.name)
        if spec is None:
            continue
        if want.plain and origin.same_values:
            for literal in want.plain:
                yield _with(guess, InputSpec(name=spec.name, value=literal))
        if want.parts:
            yield from _structured(guess, spec, want)
        if want.multiple is not None and not want.grow and want.shape is None:
            continue
        if want.grow:
            yield from _grown(guess, spec, origin, want, pinned)
        if want.dtype is not None or (want.high is not None and origin.same_values):
            changed = _typed(spec, want)
            if want.shape is not None:
                changed = replace(changed, shape=_reshaped(spec, origin, want, batch) or spec.shape)
            yield _with(guess, changed)
    if want.shape is not None and want.dtype is None:
        yield from _all_reshaped(guess, origins, want, batch)


def _spec(guess: Guess, name: str) -> InputSpec | None:
    return next((spec for spec in guess if spec.name == name and spec.shape is not None), None)


def _with(guess: Guess, *changed: InputSpec) -> Guess:
    new = {spec.name: spec for spec in changed}
    return tuple(new.get(spec.name, spec) for spec in guess)


def _typed(spec: InputSpec, want: Want) -> InputSpec:
    dtype = want.dtype or spec.dtype
    if want.high is None:
        return replace(spec, dtype=dtype, distribution="normal", low=None, high=None)
    if not dtype.startswith(("int", "uint")):
        return spec
    if want.high < 0:
        # Lengths: all as long as the sequence is.
        return replace(spec, dtype=dtype, distribution="range", low=-want.high, high=1 - want.high)
    if spec.distribution == "range" and spec.high is not None and spec.dtype == dtype and spec.high <= want.high:
        return spec
    return replace(spec, dtype=dtype, distribution="range", low=0, high=max(1, want.high))


def _structured(guess: Guess, spec: InputSpec, want: Want) -> Iterator[Guess]:
    """A list, dictionary or object in the place of a tensor, or one with more parts."""
    if want.parts == ('["x"]',):
        return
    whole = spec.name
    known = {each.name for each in guess}
    part = want.parts[0]
    if part.startswith("."):
        siblings = whole.rpartition(".")[0] if "." in whole else whole
    elif part.startswith('["'):
        siblings = whole.rpartition('["')[0] if whole.endswith('"]') else whole
    else:
        siblings = whole.rpartition("[")[0] if whole.endswith("]") and not whole.endswith('"]') else whole
    base = siblings or whole
    new = [replace(spec, name=base + one) for one in want.parts if base + one not in known]
    if not new:
        return
    place = next(at for at, each in enumerate(guess) if each.name == whole)
    kept = () if base == whole else (spec,)
    yield (*guess[:place], *kept, *new, *guess[place + 1 :])


def _grown(guess: Guess, spec: InputSpec, origin: Origin, want: Want, pinned: frozenset[str]) -> Iterator[Guess]:
    """The axes that are too short longer: those that can be told, else all that may be of any size.

    First together with the inputs of the same shape, of which a model wants that they stay alike.
    """
    shape = list(spec.shape or [])
    axes = [origin.axes[place] for place in want.grow if place < len(origin.axes) and origin.axes[place] >= 0]
    if not axes:
        axes = list(range(2, len(shape))) or list(range(1, len(shape)))
    if want.multiple is not None:
        for at in axes:
            shape[at] = max(1, -(-shape[at] // want.multiple)) * want.multiple
        yield _with(guess, replace(spec, shape=shape))
        return
    alike = [each for each in guess if each.shape == spec.shape and each.name not in pinned]
    for factor in (2, 4):
        longer = [size * factor if at in axes else size for at, size in enumerate(shape)]
        if len(alike) > 1:
            yield _with(guess, *(replace(each, shape=longer) for each in alike))
        yield _with(guess, replace(spec, shape=longer))


def _all_reshaped(guess: Guess, origins: list[Origin], want: Want, batch: int) -> Iterator[Guess]:
    """Every input that the tensor was made of, reshaped; a size that they share, divided between them."""
    shape = want.shape or ()
    if len(origins) > 1:
        together = []
        for origin in origins:
            spec = _spec(guess, origin.name)
            mixed = [place for place, axis in enumerate(origin.axes) if axis == MIXED]
            if spec is None or (len(shape) != len(want.got) and len(spec.shape or []) != len(want.got)):
                break
            share = tuple(
                size // len(origins)
                if size is not None
                and size % len(origins) == 0
                and (place in mixed or len(shape) != len(want.got))
                and place == 1
                else size
                for place, size in enumerate(shape)
            )
            made = _whole(spec, share, want, batch, origin)
            if made is not None:
                together.append(replace(spec, shape=made))
        else:
            yield _with(guess, *together)
    for origin in origins:
        spec = _spec(guess, origin.name)
        if spec is None:
            continue
        # As another input, that this call or one like it was content with.
        made = _reshaped(spec, origin, want, batch)
        if made is not None and made != spec.shape:
            for other in guess:
                if other.name != spec.name and _agrees(other, made, want, origin):
                    yield _with(guess, replace(spec, shape=list(other.shape or [])))
            yield _with(guess, replace(spec, shape=made))
        if made is None or made == spec.shape:
            yield from _by_size(guess, spec, origin, want)


def _agrees(other: InputSpec, made: list[int], want: Want, origin: Origin) -> bool:
    shape = other.shape
    if shape is None or other.dtype.startswith("int") or len(shape) != len(made) or shape == made or len(shape) < 3:
        return False
    return len(want.shape or ()) == len(made) and all(
        wanted is None or wanted == size for wanted, size in zip(want.shape or (), shape, strict=True)
    )


def _reshaped(spec: InputSpec, origin: Origin, want: Want, batch: int) -> list[int] | None:
    """The input's shape that gives the tensor the wanted one; None where that cannot be told."""
    wanted, shape = want.shape or (), list(spec.shape or [])
    if len(wanted) == len(want.got):
        changed = False
        for place, size in enumerate(wanted):
            if size is not None and size != want.got[place]:
                axis = origin.axes[place]
                if axis < 0:
                    return None
                shape[axis], changed = size, True
        return shape if changed else None
    return _whole(spec, wanted, want, batch, origin)


def _whole(
    spec: InputSpec, wanted: tuple[int | None, ...], want: Want, batch: int, origin: Origin | None = None
) -> list[int] | None:
    """A shape of another rank: along an axis of any size the usual one, else that of the input now."""
    shape = list(spec.shape or [])
    if len(wanted) == len(want.got):
        return [
            size if size is not None else shape[place] if place < len(shape) else 16
            for place, size in enumerate(wanted)
        ]
    free = want.free or (None,) * len(wanted)
    full: list[int] = []
    for place, size in enumerate(wanted):
        usual = free[place] if place < len(free) else None
        if size is not None:
            full.append(size)
        elif usual is not None:
            full.append(batch if usual == SAMPLES else usual)
        elif place == 0:
            full.append(shape[0] if shape and len(shape) > 1 else batch)
        else:
            full.append(_size_now(shape, len(wanted), place))
    if origin is None or len(origin.axes) != len(want.got):
        return full
    lacking = len(wanted) - len(want.got)
    if len(shape) != len(want.got) and MIXED in origin.axes:
        # It has become another thing on the way, as indices become vectors: as many axes more or fewer.
        return [*shape, *(16 for _ in range(lacking))] if lacking > 0 else shape[:lacking] or None
    # Axes that the model put in, or took away, on the way from the input to this call.
    inserted = [place for place, axis in enumerate(origin.axes) if axis == INSERTED and place < len(full)]
    kept = [size for place, size in enumerate(full) if place not in inserted]
    taken = len(shape) - sum(axis >= 0 for axis in origin.axes) if MIXED not in origin.axes else 0
    if taken > 0 and len(inserted) == 0:
        return [*shape[:1], *(16 for _ in range(taken)), *kept[1:]] if kept else None
    return kept


def _size_now(shape: list[int], rank: int, place: int) -> int:
    """The size of an axis counted from the end, if there is one other than the batch."""
    at = place - rank
    return shape[at] if -at < len(shape) else 16


def _by_size(guess: Guess, spec: InputSpec, origin: Origin, want: Want) -> Iterator[Guess]:
    """Where an axis was lost sight of: the input's axes that are as long as the tensor's was."""
    shape = list(spec.shape or [])
    for place, size in enumerate(want.shape or ()):
        if place >= len(want.got) or size is None or size == want.got[place] or origin.axes[place] >= 0:
            continue
        at = len(shape) - len(want.got) + place
        if origin.axes[place] == MIXED and 0 < at < len(shape) and shape[at] + size - want.got[place] > 0:
            # A part of what was joined: longer or shorter by what is missing.
            wanted = shape[at] + size - want.got[place]
            yield _with(guess, replace(spec, shape=[*shape[:at], wanted, *shape[at + 1 :]]))
        for axis in reversed(range(1, len(shape))):
            if shape[axis] == want.got[place]:
                yield _with(guess, replace(spec, shape=[*shape[:axis], size, *shape[axis + 1 :]]))


def numbers_of(want: Want) -> tuple[int, int] | None:
    """The size that the call was given and the one it wants, where no axis of an input is that size."""
    if want.multiple is not None and not want.grow and want.shape is None:
        # Of one sample, where the first axis is the samples.
        return prod(want.got[1:] if len(want.got) > 2 else want.got), want.multiple
    wanted = want.shape
    if wanted is None or len(wanted) != len(want.got):
        return None
    pairs = ((got, size) for got, size in zip(want.got, wanted, strict=True) if size is not None and size != got)
    return next(pairs, None)
