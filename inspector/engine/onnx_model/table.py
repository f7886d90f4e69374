"""The model table of an ONNX graph."""

from pathlib import Path

from inspector.core.recipe import Recipe
from inspector.core.table import Failure, FileInfo, Input, ModelInfo, ModelTable, Note, Output
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.graph import Graph, bodies
from inspector.engine.onnx_model.initializers import dtype_name, external_file
from inspector.engine.onnx_model.inputs import declared_inputs
from inspector.engine.onnx_model.rows import Traced, rows_of
from inspector.engine.onnx_model.tensors import tensors_of, totals_of
from inspector.engine.onnx_model.tracing import Pass


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
    totals = totals_of(tensors, len(graph.nodes))
    return ModelTable(
        model=ModelInfo(name=name, framework="onnx", target=recipe.target, devices=[device]),
        inputs=inputs,
        outputs=_outputs(graph, traced),
        totals=totals if failure is not None else totals.with_costs_of(rows[0]),
        rows=rows,
        tensors=tensors,
        failure=failure,
        notes=[*_notes(graph), *made.notes],
        file=FileInfo(format="ONNX", bytes=_size(file), tensors=len(graph.initializers)),
    )


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
    for value in graph.model.graph.output:
        known = traced.values.get(value.name)
        declared = dtype_name(value.type.tensor_type.elem_type) if value.type.HasField("tensor_type") else "unknown"
        dtype = known.dtype if known is not None and known.dtype else declared
        shape, symbolic = known.shape if known else None, traced.symbolic.get(value.name)
        listed.append(Output(name=value.name, shape=shape, dtype=dtype, symbolic_shape=symbolic))
    return listed


def _notes(graph: Graph) -> list[Note]:
    model = graph.model
    names = [f"{entry.domain + ' ' if entry.domain else ''}opset {entry.version}" for entry in model.opset_import]
    opsets = ", ".join(names)
    maker = " ".join(part for part in (model.producer_name, model.producer_version) if part)
    made = f", made by {maker}" if maker else ""
    notes = [Note(code="onnx", message=f"{opsets}, IR version {model.ir_version}{made}")]
    hidden = sum(len(body.initializer) for node in graph.nodes for body in bodies(node.proto))
    if hidden:
        text = f"{hidden} tensors inside the bodies of If, Loop or Scan are not listed"
        notes.append(Note(code="onnx-bodies", message=text))
    if model.graph.sparse_initializer:
        text = f"{len(model.graph.sparse_initializer)} sparse initializers are not listed"
        notes.append(Note(code="onnx-sparse", message=text))
    missing = missing_files(graph)
    if missing:
        text = (
            f"values are kept in {', '.join(missing)}, which is missing in {graph.folder}; only the structure is known"
        )
        notes.append(Note(code="external-data", message=text))
    return notes


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def missing_files(graph: Graph) -> list[str]:
    """Files with the values of initializers that should lie beside the model and do not."""
    files = {external_file(t, graph.folder) for t in graph.initializers.values() if t.external_data}
    return sorted(file.name for file in files if not file.is_file())
