"""The shape pass: inference for the likeliest input sizes, a run where inference does not reach, then fields."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Input, Note, Operand, SymbolicShape
from inspector.engine.drawing_inputs import read_input
from inspector.engine.live import Progress
from inspector.engine.onnx_model.costs import operations_of
from inspector.engine.onnx_model.field_pass import receptive_fields
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.inputs import BATCH_SIZES, candidates, declared_inputs, draw, has_open_batch
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.rows import Traced, Value, source_line
from inspector.engine.onnx_model.running import Refusal, run
from inspector.engine.onnx_model.shapes import Inferred, infer
from inspector.engine.onnx_model.symbols import symbolic_shapes

_ALTERNATIVES = 4
_CHEAP_ELEMENTS = 1 << 26
"""Elements of all values, or of all weights, up to which a run is made to confirm what was inferred."""


@dataclass(frozen=True)
class Pass:
    """What a pass found."""

    traced: Traced = field(default_factory=Traced)
    notes: list[Note] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        graph: Graph,
        values: Mapping[str, Value],
        reached: int,
        notes: list[Note],
        symbolic: Mapping[str, SymbolicShape],
    ) -> "Pass":
        """Fields, formulas and costs from the shapes of the nodes before `reached`."""
        behind = {name for node in graph.nodes[reached:] for name in node.proto.output}
        known = {name: value for name, value in values.items() if name not in behind}
        shapes = {name: value.shape for name, value in known.items() if value.shape is not None}
        fields = receptive_fields(graph, known)
        traced = Traced(known, reached, fields, formulas_of(graph, shapes), operations_of(graph, shapes), symbolic)
        return cls(traced, notes)


@dataclass(frozen=True)
class Trace:
    """A pass, and the inputs it was made with."""

    made: Pass
    specs: list[InputSpec]
    inputs: list[Input]
    failure: Failure | None


@dataclass(frozen=True)
class _Attempt:
    specs: list[InputSpec]
    shapes: dict[str, list[int]]
    values: dict[str, Value]
    reached: int
    refusal: Refusal | None
    ran: bool
    not_run: str | None = None
    """Why onnxruntime would not run it, where that is no fault of the sizes."""


def trace(graph: Graph, given: list[InputSpec], providers: list[Provider], seed: int, progress: Progress) -> Trace:
    """Shapes for the inputs given, or for the first sizes that fit.

    Raises RequestError where what is given does not fit the declaration.
    """
    first: _Attempt | None = None
    chosen: _Attempt | None = None
    alternatives: list[dict[str, list[int]]] = []
    try:
        for batch in BATCH_SIZES:
            for number, specs in enumerate(candidates(graph, given, batch)):
                progress(number, None, "working out shapes")
                attempt = _attempt(graph, specs, providers, seed)
                first = first or attempt
                if attempt.refusal is None and chosen is not None:
                    alternatives.append(attempt.shapes)
                elif attempt.refusal is None:
                    chosen = attempt
                # Where a run is needed, alternatives cost one each.
                if len(alternatives) == _ALTERNATIVES or (chosen is not None and chosen.ran):
                    break
            if chosen is not None or not has_open_batch(graph, given):
                break
    except RequestError as problem:
        if given:
            raise
        note = Note(code="no-input", message=str(problem))
        return Trace(Pass(notes=[note]), [], _inputs(graph, given, [], None, []), None)
    best = chosen or first
    if best is None:
        raise RequestError("this graph offers no input sizes to try; give --input")
    notes = []
    if best.ran and best.refusal is None:
        notes.append(Note(code="real-pass", message="run for real, because some shapes depend on values"))
    if best.not_run:
        text = f"shapes that depend on values are not known, because onnxruntime does not run it: {best.not_run}"
        notes.append(Note(code="not-run", message=text))
    failure = failure_of(graph, best.refusal, best.values, "cpu") if best.refusal else None
    symbolic = {} if given or failure is not None else symbolic_shapes(graph, best.shapes)
    made = Pass.of(graph, best.values, best.reached, notes, symbolic)
    return Trace(made, best.specs, _inputs(graph, given, best.specs, best.shapes, alternatives), failure)


def failure_of(graph: Graph, refusal: Refusal, values: Mapping[str, Value], device: str) -> Failure:
    """Where the graph fails, with what reached the node."""
    node = None if refusal.culprit is None else graph.nodes[refusal.culprit]
    operands = (
        []
        if node is None
        else [
            Operand(text=name, shape=value.shape, dtype=value.dtype or "unknown", device=device)
            for name in node.proto.input
            if (value := values.get(name)) is not None and value.shape is not None
        ]
    )
    made = [operand for operand in operands if operand.text not in graph.initializers]
    declared = ", ".join(f"{one.name}: {one}" for one in declared_inputs(graph))
    what = (
        f"{node.operator} node {node.path} fails on what reaches it" if node else "onnxruntime refuses the whole graph"
    )
    return Failure(
        path=node.path if node else "",
        type=refusal.type,
        message=refusal.message,
        source=source_line(node) if node else None,
        input_shapes=[operand.shape for operand in made],
        operands=operands,
        explanation=what,
        suggestions=[f"check the input sizes; the model declares {declared}"] if declared and node else [],
    )


def values_of_run(
    graph: Graph, feeds: Mapping[str, torch.Tensor], results: Mapping[str, torch.Tensor | None]
) -> dict[str, Value]:
    """Shapes and dtypes as they were in a run, with those of the inputs and the weights."""
    values = {name: Value(list(t.dims), dtype_name(t.data_type)) for name, t in graph.initializers.items()}
    for name, tensor in [*feeds.items(), *results.items()]:
        values[name] = _value(tensor)
    return values


def _value(tensor: torch.Tensor | None) -> Value:
    return Value(None, None) if tensor is None else Value(list(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _attempt(graph: Graph, specs: list[InputSpec], providers: list[Provider], seed: int) -> _Attempt:
    shapes = {spec.name: _shape(spec) for spec in specs}
    inferred = infer(graph, shapes)
    feeds = draw(graph, specs, seed)
    if inferred.complete and inferred.problem is None:
        # Inference believes what a graph says of itself; a run tells whether it is so.
        refuted = _is_cheap(graph, inferred) and run(graph, feeds, providers, seed, inner=False).refusal is not None
        if not refuted:
            return _Attempt(specs, shapes, inferred.values, len(graph.nodes), None, ran=False)
    result = run(graph, feeds, providers, seed)
    if result.refusal is not None and inferred.problem is None and result.refusal.culprit is None:
        # Nothing contradicts itself; it cannot be run here: an operator that onnxruntime lacks, data that is missing.
        return _Attempt(specs, shapes, inferred.values, len(graph.nodes), None, False, result.refusal.message)
    values = {**inferred.values, **values_of_run(graph, feeds, result.values)}
    return _Attempt(specs, shapes, values, result.reached, _clearer(inferred, result.refusal), ran=True)


def _is_cheap(graph: Graph, inferred: Inferred) -> bool:
    made = sum(math.prod(value.shape) for value in inferred.values.values() if value.shape is not None)
    held = sum(math.prod(tensor.dims) for tensor in graph.initializers.values())
    return bool(max(made, held) <= _CHEAP_ELEMENTS)


def _clearer(inferred: Inferred, refusal: Refusal | None) -> Refusal | None:
    """A run that fails without naming a node is explained by inference, where that names one."""
    if refusal is None or refusal.culprit is not None or inferred.problem is None:
        return refusal
    return Refusal("InferenceError", inferred.problem, inferred.culprit)


def _shape(spec: InputSpec) -> list[int]:
    return list(read_input(spec.file).shape) if spec.file is not None else list(spec.shape or [])


def _inputs(
    graph: Graph,
    given: list[InputSpec],
    used: list[InputSpec],
    shapes: dict[str, list[int]] | None,
    alternatives: list[dict[str, list[int]]],
) -> list[Input]:
    typed = {spec.name: str(spec) for spec in used}
    named = {spec.name for spec in given if spec.name}
    unnamed = len([spec for spec in given if not spec.name])
    listed = []
    for one in declared_inputs(graph):
        is_given = one.name in named or unnamed > 0
        if one.name not in named and unnamed:
            unnamed -= 1
        guessed = one.sizes is None or any(isinstance(size, str) for size in one.sizes[1:])
        listed.append(
            Input(
                name=one.name,
                shape=shapes[one.name] if shapes else None,
                dtype=one.dtype,
                origin="given" if is_given else "inferred" if guessed else "declared",
                alternatives=[other[one.name] for other in alternatives if guessed and not is_given],
                spec=typed.get(one.name, ""),
                symbolic_shape=one.symbolic,
            )
        )
    return listed
