"""What the ``safetensors`` library itself refuses in a file that can be listed all the same, and names given twice.

Source: ``Metadata::validate`` and ``SafeTensors::read_metadata`` in ``huggingface/safetensors``: the tensors follow
each other from the first byte behind the header to the last of the file, without gap or overlap.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from inspector.core.table import Note
from inspector.files.catalog import CatalogTensor
from inspector.files.dtypes import SAFETENSORS_BITS, SAFETENSORS_DTYPES

_FIELDS = (b'"dtype"', b'"shape"', b'"data_offsets"')
_REFUSED = "the safetensors library refuses this file"


def unsound(
    header: bytes, tensors: Iterable[CatalogTensor], dtypes: Mapping[str, str], start: int, payload: int
) -> Iterator[Note]:
    """A note for each kind of defect, of the first place where it is found.

    `dtypes` are as the header names them, by key; `start` is the first byte behind the header, `payload` how many
    there are.
    """
    tensors = list(tensors)
    yield from _repeated(header, len(tensors))
    known = {*SAFETENSORS_DTYPES, *SAFETENSORS_BITS}
    unknown = next((key for key, name in dtypes.items() if name not in known), None)
    if unknown is not None:
        message = f"{_REFUSED}: {unknown} has the dtype {dtypes[unknown]!r}, which it does not know"
        yield Note(code="unknown-dtype", message=message, path=unknown)
    yield from _misplaced(tensors, start, payload)


def _misplaced(tensors: Iterable[CatalogTensor], start: int, payload: int) -> Iterator[Note]:
    reached = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.bytes)):
        begin = tensor.start - start
        if begin != reached:
            what = "overlaps another tensor" if begin < reached else "leaves a gap before it"
            message = f"{_REFUSED}: {tensor.key} begins at byte {begin:,} where {reached:,} is next, and so {what}"
            yield Note(code="misplaced-tensor", message=message, path=tensor.key)
            return
        reached += tensor.bytes
    if reached < payload:
        message = f"{_REFUSED}: its last {payload - reached:,} bytes belong to no tensor"
        yield Note(code="not-covered", message=message)


def _repeated(header: bytes, tensors: int) -> Iterator[Note]:
    """A name that stands twice in one object: the last one counts here, and another reader may take the first."""
    once = b"\\" not in header and all(header.count(field) == tensors for field in _FIELDS)
    if once and header.count(b'"__metadata__"') <= 1:
        return
    twice: list[str] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        twice.extend(name for name, count in Counter(name for name, _ in found).items() if count > 1)
        return dict(found)

    json.loads(header, object_pairs_hook=pairs)
    if twice:
        message = f"{twice[0]} stands twice in the header: the last one is taken, other readers may take another"
        yield Note(code="repeated-key", message=message, path=twice[0])
