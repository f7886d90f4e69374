"""Reading a tensor's values at an index such as ``[0, :, 3:5]``."""

from typing import cast

import numpy as np
import torch

from inspector.core.errors import RequestError
from inspector.core.results import COMPLEX_NUMBERS_ARE, Extreme, ValuesReport
from inspector.core.tensor_index import in_whole, parse_index
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.engine.arrays import Array, array_of
from inspector.engine.statistics import DENSE_LIMIT, largest, norms, statistics
from inspector.files.values.pictures import Plane, Positions, picture

LARGEST = 8


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
        norms=norms(selected),
        largest=[Extreme(index=in_whole(parts, one.index), value=one.value) for one in largest(selected, LARGEST)],
        numbers_are=_numbers_are(tensor),
    )


def read_picture(tensor: torch.Tensor, wanted: PictureSettings) -> ValuePicture:
    """A picture of a tensor's values; only the elements that it shows leave the tensor's device.

    Raises RequestError where there is no such picture, or the tensor has no values.
    """
    key = wanted.key
    if torch.nn.parameter.is_lazy(tensor):
        raise RequestError(f"{key} has no values yet: no pass has given it a shape; run one first")
    if tensor.is_meta:
        raise RequestError(f"{key} is on the meta device and has no values; choose another device with d")
    dense = _dense(tensor.detach(), key)
    strides = [stride * dense.element_size() for stride in dense.stride()]

    def take(plane: Plane, rows: Positions, columns: Positions) -> Array:
        of_plane = dense[plane]
        array = array_of(of_plane) if of_plane.is_cpu else None
        if array is not None:
            taken: Array = array[np.ix_(rows, columns)]
            return taken
        down, across = (torch.from_numpy(one).to(of_plane.device) for one in (rows, columns))
        try:
            return _array(of_plane[down[:, None], across])
        except NotImplementedError:
            raise RequestError(f"{key} is {tensor.dtype}, of which torch gives no single values to show") from None

    return picture(wanted, list(tensor.shape), strides, str(tensor.dtype).removeprefix("torch."), take)


def _array(values: torch.Tensor) -> Array:
    array = array_of(values)
    if array is None:
        array = array_of(values.to(torch.complex64 if values.is_complex() else torch.float32))
    assert array is not None
    return array


def _dense(tensor: torch.Tensor, key: str) -> torch.Tensor:
    if tensor.is_quantized:
        return tensor.dequantize()
    if tensor.layout == torch.strided:
        return tensor
    if tensor.numel() > DENSE_LIMIT:
        raise RequestError(f"{key} is sparse and too large to write out ({tensor.numel():,} elements)")
    return tensor.to_dense()


def _numbers_are(tensor: torch.Tensor) -> str:
    if tensor.is_quantized:
        return "the values that the stored integers stand for"
    return COMPLEX_NUMBERS_ARE if tensor.is_complex() else ""


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
