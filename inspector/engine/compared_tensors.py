"""The tensors of an ONNX graph beside those of another model: numbers as a catalog, text word by word."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from msgspec.structs import replace
from onnx import TensorProto

from inspector.core.differences import Aligned, DiffReport
from inspector.core.errors import RequestError
from inspector.core.wording import things
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.torch_values import dense_values
from inspector.files import open_catalog
from inspector.files.catalog import Catalog


def initializer_names(graph: Graph) -> set[str]:
    """Of the main graph, sparse ones among them."""
    return {*graph.initializers, *graph.sparse}


def initializer_values(graph: Graph, notes: list[str]) -> dict[str, torch.Tensor]:
    """The numbers of every initializer; a note says which have none that can be compared."""
    found, lacking = dict[str, torch.Tensor](), list[str]()
    for name in initializer_names(graph) - text_of(graph).keys():
        try:
            values = dense_values(graph, name)
        except RequestError as problem:
            notes.append(f"not compared: {problem}")
            continue
        if values is None:
            lacking.append(name)
        else:
            found[name] = values
    if lacking:
        what = things(len(lacking), "sparse tensor")
        notes.append(f"{what} not compared, too large to be written out: {', '.join(sorted(lacking)[:4])}")
    return {name: found[name] for name in [*graph.initializers, *graph.sparse] if name in found}


def catalog_of(tensors: Mapping[str, torch.Tensor], place: Path) -> Catalog:
    """Tensors as a file at `place`."""
    torch.save(dict(tensors), place)
    return open_catalog(str(place))


def text_of(graph: Graph | None) -> dict[str, list[str]]:
    """The initializers of the main graph that hold text, with their shapes before it."""
    if graph is None:
        return {}
    return {
        name: [str(list(one.dims)), *(repr(word) for word in one.string_data)]
        for name, one in graph.initializers.items()
        if one.data_type == TensorProto.STRING
    }


def with_text(report: DiffReport, a: Graph | None, b: Graph | None) -> DiffReport:
    """The report with the text that graphs hold."""
    first, second = text_of(a), text_of(b)
    rows = [
        Aligned(
            keys_a=[name] if name in first else [],
            keys_b=[name] if name in second else [],
            shape_a=_shape(a, name),
            shape_b=_shape(b, name),
            dtype_a="string" if name in first else "",
            dtype_b="string" if name in second else "",
            equal=first[name] == second[name] if name in first and name in second else None,
        )
        for name in dict.fromkeys([*first, *second])
    ]
    return replace(report, rows=[*report.rows, *rows])


def with_declared_types(report: DiffReport, a: Graph | None, b: Graph | None) -> DiffReport:
    """The report with the types that graphs declare, where torch has only wider ones for their values."""
    return replace(report, rows=list(_retyped(report.rows, _types(a), _types(b))))


def _retyped(rows: list[Aligned], a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Aligned]:
    for row in rows:
        first = a.get(row.keys_a[0], row.dtype_a) if row.keys_a else row.dtype_a
        second = b.get(row.keys_b[0], row.dtype_b) if row.keys_b else row.dtype_b
        yield row if (first, second) == (row.dtype_a, row.dtype_b) else replace(row, dtype_a=first, dtype_b=second)


def _types(graph: Graph | None) -> dict[str, str]:
    if graph is None:
        return {}
    sparse = {name: dtype_name(one.values.data_type) for name, one in graph.sparse.items()}
    return {name: dtype_name(one.data_type) for name, one in graph.initializers.items()} | sparse


def _shape(graph: Graph | None, name: str) -> list[int] | None:
    tensor = graph.initializers.get(name) if graph is not None else None
    return None if tensor is None else list(tensor.dims)
