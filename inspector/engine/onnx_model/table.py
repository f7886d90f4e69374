"""The model table of an ONNX graph."""

from pathlib import Path

from msgspec.structs import replace

from inspector.core.file_info import FileInfo
from inspector.core.recipe import Recipe
from inspector.core.table import Failure, Input, ModelInfo, ModelTable, Output
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.inputs import declared_inputs
from inspector.engine.onnx_model.notes import notes_of
from inspector.engine.onnx_model.rows import Traced, moved, rows_of
from inspector.engine.onnx_model.tensors import tensors_of, totals_of
from inspector.engine.onnx_model.tracing import Pass
from inspector.engine.onnx_model.types import type_text


def table_of(
    graph: Graph, recipe: Recipe, device: str, inputs: list[Input], made: Pass, failure: Failure | None
) -> ModelTable:
    """All that is known: the structure, and what the pass found."""
    file = Path(recipe.target)
    name = graph.model.graph.name or file.stem
    tensors = tensors_of(graph, device)
    traced = made.traced
    if not traced.values:
        traced = Traced(formulas=formulas_of(graph, {}))
    rows = rows_of(graph, tensors, device, name, traced)
    totals = totals_of(tensors, sum(row.kind == "node" for row in rows))
    return ModelTable(
        model=ModelInfo(name=name, framework="onnx", target=recipe.target, devices=[device]),
        inputs=inputs,
        outputs=_outputs(graph, traced),
        totals=totals if failure is not None else totals.with_costs_of(rows[0]),
        rows=rows,
        tensors=tensors,
        failure=failure,
        notes=[*notes_of(graph), *made.notes],
        file=FileInfo(format="ONNX", bytes=_size(file), tensors=len(graph.initializers)),
    )


def table_again(table: ModelTable, graph: Graph, device: str, made: Pass) -> ModelTable:
    """After a pass that found what one before it had: what may differ is where nodes ran, and the notes."""
    rows = moved(table.rows, graph, device, made.traced)
    return replace(table, rows=rows, notes=[*notes_of(graph), *made.notes])


def declared_as_inputs(graph: Graph) -> list[Input]:
    """The inputs as the file declares them; the shape None where it leaves sizes open."""
    listed = []
    for one in declared_inputs(graph):
        fixed = [size for size in one.sizes or [] if isinstance(size, int)]
        known = one.sizes is not None and len(fixed) == len(one.sizes)
        listed.append(
            Input(
                name=one.name,
                shape=fixed if known else None,
                dtype=one.dtype,
                origin="declared",
                symbolic_shape=one.symbolic,
            )
        )
    return listed


def _outputs(graph: Graph, traced: Traced) -> list[Output]:
    listed = []
    for value in graph.outputs:
        known = traced.values.get(value.name)
        whole = not value.type.HasField("tensor_type")
        declared = type_text(value.type) if whole else dtype_name(value.type.tensor_type.elem_type)
        dtype = known.dtype if known is not None and known.dtype and not whole else declared
        shape, symbolic = known.shape if known else None, traced.symbolic.get(value.name)
        listed.append(Output(name=value.name, shape=shape, dtype=dtype, symbolic_shape=symbolic))
    return listed


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
