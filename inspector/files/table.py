"""The model table of a file of tensors on its own."""

from pathlib import Path

from msgspec.structs import replace

from inspector.core.collection import no_collection
from inspector.core.file_info import FileInfo
from inspector.core.named_globals import refused_first
from inspector.core.recipe import InputSpec
from inspector.core.table import ModelInfo, ModelTable, Note, Tensor, Totals
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.distinct import distinct, kind_of
from inspector.files.expressions import Expressions
from inspector.files.parts import breakdown_of, parts_of
from inspector.files.places import Places
from inspector.files.tree_rows import rows_of

PICKLED = ("torch-zip", "torch-legacy", "torch-tar", "safetensors-index", "shards")
"""Formats that `torch.load` reads, or that may be of files that it reads."""
NEWEST_PROTOCOL = 3
"""Of pickles that torch's ``weights_only`` reader reads; from 4 on they begin with FRAME, which it does not know."""
MAX_TIES = 64
"""Keys that are named as tied to one tensor; a list of all for each of many would be their square."""


def table_of(catalog: Catalog, target: str, inputs: list[InputSpec] | None = None) -> ModelTable:
    """Rows by modules and the parts of the keys, and the tensors; storages that tensors share are counted once.

    A pickled ``Sequential`` is worked through with `inputs`; raises RequestError where that cannot be.
    """
    with no_collection():
        table = _table(catalog, target)
    if not inputs:
        return table
    from inspector.files.chain_shapes import given_input, with_shapes, worked_through

    given = given_input(catalog, inputs)
    shapes = worked_through(catalog.modules, given.shape or [])
    return replace(table, inputs=[given], rows=with_shapes(table.rows, shapes))


def _table(catalog: Catalog, target: str) -> ModelTable:
    parts = parts_of(catalog)
    state = [tensor for part in parts if part.kind == "optimizer" for tensor in part.tensors]
    of_optimizers = {tensor.key for tensor in state}
    rows = rows_of(catalog, of_optimizers)
    of_model = [tensor for tensor in catalog.tensors if tensor.key not in of_optimizers]
    parameters = [tensor for tensor in of_model if kind_of(tensor) == "parameter"]
    buffers = [tensor for tensor in of_model if kind_of(tensor) == "buffer"]
    (count, size), (buffer_count, buffer_size) = distinct(parameters), distinct(buffers)
    ties, expressions = _ties(catalog.tensors), Expressions(catalog)
    taken, places = breakdown_of(catalog, parts), Places(catalog)
    return ModelTable(
        model=ModelInfo(
            name=Path(catalog.path).name,
            framework="file",
            target=target,
            weights=None,
            training=rows[0].training,
            devices=sorted({tensor.device for tensor in catalog.tensors}),
        ),
        totals=Totals(
            parameters=count,
            trainable_parameters=distinct([tensor for tensor in parameters if tensor.requires_grad])[0],
            buffers=buffer_count,
            parameter_bytes=size,
            buffer_bytes=buffer_size,
            state_bytes=distinct(state)[1],
            modules=len(rows),
        ),
        rows=rows,
        tensors=[
            _tensor(tensor, tensor.key in of_optimizers, ties, expressions.of(tensor), places)
            for tensor in catalog.tensors
        ],
        notes=_notes(catalog),
        file=FileInfo(
            format=catalog.format,
            bytes=catalog.bytes,
            tensors=len(catalog.tensors),
            globals=[found.name for found in catalog.globals],
            unsafe_globals=catalog.unsafe_globals,
            global_details=catalog.globals,
            container=_main_container(catalog),
            parts=taken.parts,
            dtypes=taken.dtypes,
            devices=taken.devices,
        ),
    )


def _notes(catalog: Catalog) -> list[Note]:
    notes = [*catalog.notes]
    if not catalog.tensors or any(tensor.family is None for tensor in catalog.tensors):
        message = "a file does not say which tensors are buffers; integers and running statistics are taken for them"
        notes.append(Note(code="file-only", message=message))
    if catalog.format in PICKLED and (catalog.protocol or 0) > NEWEST_PROTOCOL:
        message = (
            f"torch.load(weights_only=True) refuses this file: its pickle has protocol {catalog.protocol}, of which "
            "that reader does not know the instructions; saved with torch.save's own protocol, 2, it would be read"
        )
        notes.append(Note(code="pickle-protocol", message=message))
    if catalog.unsafe_globals:
        refused = refused_first(catalog.globals)
        named = ", ".join(found.name for found in refused[:5]) + (" …" if len(refused) > 5 else "")
        message = f"the pickle names what a safe reader refuses: {named}; nothing was run"
        notes.append(Note(code="unsafe-globals", message=message))
    return notes


def _ties(tensors: list[CatalogTensor]) -> dict[tuple[object, ...], list[str]]:
    ties: dict[tuple[object, ...], list[str]] = {}
    for tensor in tensors:
        ties.setdefault(_identity(tensor), []).append(tensor.key)
    return ties


def _identity(tensor: CatalogTensor) -> tuple[object, ...]:
    if tensor.storage is None or not tensor.elements:
        return (tensor.key,)
    return (tensor.storage, tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides), tensor.dtype)


def _tensor(
    tensor: CatalogTensor, is_state: bool, ties: dict[tuple[object, ...], list[str]], expression: str, places: Places
) -> Tensor:
    return Tensor(
        key=tensor.key,
        kind="buffer" if is_state else kind_of(tensor),
        shape=tensor.shape,
        dtype=tensor.dtype,
        device=tensor.device,
        trainable=tensor.requires_grad,
        persistent=tensor.persistent,
        elements=tensor.elements,
        bytes=tensor.bytes,
        tied_to=[key for key in ties[_identity(tensor)][: MAX_TIES + 1] if key != tensor.key],
        expression=expression,
        files=places.files(tensor),
        pieces=places.pieces(tensor),
    )


def _main_container(catalog: Catalog) -> str:
    """The mapping with the most tensors in it, "" at the top of the file."""
    counts = {".".join(container.path): container.tensors for container in catalog.containers}
    return max(counts, key=lambda path: counts[path]) if counts else ""
