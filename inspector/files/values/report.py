"""What is told of a tensor's values, read from its file: the same as the engine tells of a model's tensor."""

import numpy as np

from inspector.core.errors import RequestError
from inspector.core.results import COMPLEX_NUMBERS_ARE, Extreme, ValuesReport
from inspector.core.tensor_index import in_whole, parse_index
from inspector.core.value_pictures import PictureSettings, ValuePicture
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.values.pictures import picture_of_array, scattered
from inspector.files.values.reading import Array, map_part, map_scattered, read_tensor
from inspector.files.values.statistics import largest, norms, plain, statistics

LARGEST = 8


def values_report(catalog: Catalog, key: str, index: str, limit: int) -> ValuesReport:
    """Statistics of a slice and its leading values; see `inspector.core.results.ValuesReport`.

    Raises RequestError where there is no such tensor, where its values cannot be read, or where the index does not fit.
    """
    tensor = _tensor(catalog, key)
    parts = parse_index(index, tensor.shape, key)
    selected = np.asarray(read_tensor(catalog, tensor)[tuple(parts)])
    kept = [part.start for part in parts if isinstance(part, slice)]
    starts = [0, 0, *kept][-2:]
    return ValuesReport(
        key=key,
        index=index.strip(),
        shape=list(selected.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        statistics=statistics(selected),
        rows=_rows(selected, limit),
        row_offset=starts[0],
        column_offset=starts[1],
        norms=norms(selected),
        largest=[Extreme(index=in_whole(parts, one.index), value=one.value) for one in largest(selected, LARGEST)],
        numbers_are=_numbers_are(tensor),
    )


def values_picture(catalog: Catalog, wanted: PictureSettings) -> ValuePicture:
    """A picture of a tensor's values, for which no more of the file is read than it shows.

    Raises RequestError where there is no such tensor or picture, or where its values cannot be read.
    """
    tensor = _tensor(catalog, wanted.key)
    strides = [stride * ITEM_BYTES.get(tensor.dtype, 1) for stride in tensor.strides]
    mapping = map_scattered if scattered(wanted, tensor.shape, strides) else map_part
    return picture_of_array(read_tensor(catalog, tensor, mapping), wanted, tensor.dtype)


def _tensor(catalog: Catalog, key: str) -> CatalogTensor:
    tensor = next((tensor for tensor in catalog.tensors if tensor.key == key), None)
    if tensor is None:
        raise RequestError(f"{catalog.path} has no tensor {key!r}; `nninspect summary` lists those that it has")
    return tensor


def _numbers_are(tensor: CatalogTensor) -> str:
    if tensor.quantised:
        return f"the integers q that are stored; a value is {tensor.quantised}"
    return COMPLEX_NUMBERS_ARE if tensor.dtype.startswith("complex") else ""


def _rows(selected: Array, limit: int) -> list[list[float | None]]:
    while selected.ndim > 2:
        if selected.shape[0] == 0:
            return []
        selected = selected[0]
    shown = selected.reshape((1,) * (2 - selected.ndim) + selected.shape)[:limit, :limit]
    return [[float(value) for value in row] for row in plain(shown).tolist()]
