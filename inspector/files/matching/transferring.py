"""Whether a leaf of the file can fill one of the model, and what must be done to its values."""

from dataclasses import dataclass

from inspector.files.matching.layouts import layout
from inspector.files.matching.records import Change, Entry
from inspector.files.matching.tree import Leaf


@dataclass(frozen=True, slots=True)
class Fit:
    """How one tensor of the model is made."""

    target: Entry
    sources: tuple[Entry, ...]
    kinds: tuple[str, ...]
    """Rules on values that it takes."""
    changes: tuple[Change, ...]


def fit(file: Leaf, model: Leaf, allow: frozenset[str]) -> list[Fit] | None:
    """How `file` fills every tensor of `model`; None where shapes or the rules allowed forbid it."""
    fits = _fits(file, model)
    if fits is None or any(kind not in allow for one in fits for kind in one.kinds):
        return None
    return fits


def is_quantised(fit: Fit) -> bool:
    """Whether a floating point parameter would be made of integers, as quantisation stores its weights."""
    is_parameter = fit.target.kind == "parameter" or fit.target.trainable is True
    dtype = fit.sources[0].dtype.removeprefix("q").removeprefix("u")
    return is_parameter and "float" in fit.target.dtype and dtype.startswith("int")


def _fits(file: Leaf, model: Leaf) -> list[Fit] | None:
    if len(file.entries) == len(model.entries):
        pieces = []
        for source, target in zip(file.entries, model.entries, strict=True):
            found = layout(source.shape, target.shape)
            if found is None:
                return None
            pieces.append(Fit(target, (source,), _kinds(found[0]), tuple(found[1])))
        return pieces
    found = layout(file.shape, model.shape)
    if found is None:
        return None
    kind, changes = found
    if len(model.entries) == 1:
        join = Change(op="join", axis=0)
        return [Fit(model.entries[0], file.entries, ("qkv_join", *_kinds(kind)), (join, *changes))]
    pieces, start = [], 0
    for target in model.entries:
        stop = start + (target.shape[0] if target.shape else 0)
        part = Change(op="part", axis=0, start=start, stop=stop)
        pieces.append(Fit(target, file.entries, ("qkv_split", *_kinds(kind)), (*changes, part)))
        start = stop
    return pieces


def _kinds(kind: str) -> tuple[str, ...]:
    return (kind,) if kind else ()
