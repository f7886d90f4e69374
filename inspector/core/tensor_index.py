"""An index into a tensor as people write it: ``[0, :, 3:5]``."""

import re
from collections.abc import Sequence

from inspector.core.errors import RequestError

_PART = re.compile(
    r"(?P<index>[+-]?\d{1,18})|(?P<start>[+-]?\d{1,18})?\s*:\s*(?P<stop>[+-]?\d{1,18})?\s*(?::\s*(?P<step>\d{1,18})?)?"
)


def parse_index(text: str, shape: list[int], key: str) -> list[int | slice]:
    """One non-negative index or slice with its bounds filled in for each axis of `shape`.

    Brackets may be left out, axes at the end too; ``...`` stands for axes left out elsewhere. Raises RequestError.
    """
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1].strip()
    pieces = [piece.strip() for piece in inner.split(",")] if inner else []
    if pieces and not pieces[-1] and len(pieces) > 1:
        pieces.pop()
    given = len([piece for piece in pieces if piece != "..."])
    if pieces.count("...") > 1:
        raise _misfit(text, shape, key, "... may stand there once")
    if given > len(shape):
        raise _misfit(text, shape, key, f"{given} indices are too many")
    filling = [":"] * (len(shape) - given)
    at = pieces.index("...") if "..." in pieces else len(pieces)
    full = pieces[:at] + filling + pieces[at + 1 :]
    return [_part(text, piece, axis, shape, key) for axis, piece in enumerate(full)]


def in_whole(parts: Sequence[int | slice], index: Sequence[int]) -> list[int]:
    """The index in the whole tensor of an element of the part that `parse_index` read as `parts`."""
    inside = iter(index)
    return [part.start + next(inside) * part.step if isinstance(part, slice) else part for part in parts]


def _part(text: str, piece: str, axis: int, shape: list[int], key: str) -> int | slice:
    size = shape[axis]
    found = _PART.fullmatch(piece)
    if not found:
        raise _misfit(text, shape, key, f"{piece!r} is neither an index such as 3 nor a range such as 3:5")
    if found["index"] is not None:
        position = int(found["index"])
        if not -size <= position < size:
            allowed = f"goes from 0 to {size - 1}" if size else "is empty"
            raise _misfit(text, shape, key, f"{position} is outside axis {axis}, which {allowed}")
        return position % size
    step = int(found["step"] or 1)
    if step == 0:
        raise _misfit(text, shape, key, "a step of 0 never moves")
    bounds = [int(found[name]) if found[name] else None for name in ("start", "stop")]
    return slice(*slice(bounds[0], bounds[1], step).indices(size))


def _misfit(text: str, shape: list[int], key: str, what: str) -> RequestError:
    axes = f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
    example = (
        f"; write for example [{', '.join(['0'] * max(0, len(shape) - 2) + [':'] * min(2, len(shape)))}]"
        if shape
        else ""
    )
    return RequestError(f"index {text!r} does not fit {key} of shape {shape} ({axes}): {what}{example}")
