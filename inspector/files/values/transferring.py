"""The changes of a transfer, done to arrays."""

from collections.abc import Sequence

import numpy as np

from inspector.files.matching import Change
from inspector.files.values.reading import Array


def changed(sources: Sequence[Array], changes: Sequence[Change]) -> Array:
    """What a transfer makes of its sources; without changes the one source itself. Views where that is possible."""
    arrays = list(sources)
    for change in changes:
        arrays = [_changed(arrays, change)]
    (made,) = arrays
    return made


def _changed(arrays: list[Array], change: Change) -> Array:
    match change.op:
        case "join":
            return np.concatenate(arrays, axis=change.axis or 0)
        case "part":
            place = [slice(None)] * arrays[0].ndim
            place[change.axis or 0] = slice(change.start, change.stop)
            return arrays[0][tuple(place)]
        case "permute":
            return arrays[0].transpose(change.axes)
        case "reshape":
            return arrays[0].reshape(change.shape)
        case "weight_norm":
            g, v = arrays
            return _with_norm(g, v, change.axis)
    raise ValueError(f"no change {change.op!r}")


def _with_norm(g: Array, v: Array, axis: int | None) -> Array:
    wide = v.astype(np.float64)
    others = tuple(each for each in range(v.ndim) if each != axis) if axis is not None else None
    norm = np.sqrt(np.square(wide).sum(axis=others, keepdims=axis is not None))
    made: Array = (g.astype(np.float64) * wide / norm).astype(v.dtype)
    return made
