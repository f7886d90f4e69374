"""Reading a tensor's values at an index such as ``[0, :, 3:5]``."""

import re
from typing import cast

import torch

from inspector.core.errors import RequestError
from inspector.core.results import ValuesReport
from inspector.engine.statistics import DENSE_LIMIT, statistics

_PART = re.compile(
    r"(?P<index>[+-]?\d{1,18})|(?P<start>[+-]?\d{1,18})?\s*:\s*(?P<stop>[+-]?\d{1,18})?\s*(?::\s*(?P<step>\d{1,18})?)?"
)


def read_values(tensor: torch.Tensor, key: str, index: str, limit: int) -> ValuesReport:
    """Statistics of the slice at `index`, and the leading `limit` × `limit` values of its last two axes.

    Axes before the last two are shown at their first index. `shape` is the slice's; `row_offset` and `column_offset`
    say where the first value shown lies on those two axes of the whole tensor. Values are None where the tensor has
    none (meta device); a complex value is shown by its absolute value. Raises RequestError with the tensor's shape
    where the index does not fit.
    """
    if torch.nn.parameter.is_lazy(tensor):
        raise RequestError(f"{key} has no values yet: no pass has given it a shape; run one first")
    parts = parse_index(index, list(tensor.shape), key)
    dense = _dense(tensor.detach(), key)
    selected = dense[tuple(parts)]
    kept = [part.start for part in parts if isinstance(part, slice)]
    starts = [0, 0, *kept][-2:]
    return ValuesReport(
        key=key,
        index=index.strip(),
        shape=list(selected.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=str(tensor.device),
        statistics=statistics(selected),
        rows=_rows(selected, limit),
        row_offset=starts[0],
        column_offset=starts[1],
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


def _dense(tensor: torch.Tensor, key: str) -> torch.Tensor:
    if tensor.is_quantized:
        return tensor.dequantize()
    if tensor.layout == torch.strided:
        return tensor
    if tensor.numel() > DENSE_LIMIT:
        raise RequestError(f"{key} is sparse and too large to write out ({tensor.numel():,} elements)")
    return tensor.to_dense()


def _rows(selected: torch.Tensor, limit: int) -> list[list[float | None]]:
    while selected.dim() > 2:
        if selected.shape[0] == 0:
            return []
        selected = selected[0]
    shown = selected.reshape((1,) * (2 - selected.dim()) + tuple(selected.shape))[:limit, :limit]
    if shown.is_meta:
        return [[None] * shown.shape[1] for _ in range(shown.shape[0])]
    wide = shown.abs() if shown.is_complex() else shown
    return cast("list[list[float | None]]", wide.to("cpu", torch.float64).tolist())
