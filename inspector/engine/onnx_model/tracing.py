"""The shape pass: inference for the likeliest input sizes, a run where inference does not reach, then fields."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.table import Failure, Input, Note, SymbolicShape
from inspector.engine.live import Progress
from inspector.engine.onnx_model.body_pass import BodyPass, innermost_refusal, pass_bodies
from inspector.engine.onnx_model.constant_values import NONE_GIVEN, GivenValues, given_values
from inspector.engine.onnx_model.costs import operations_of
from inspector.engine.onnx_model.failing import Refusal, failure_of
from inspector.engine.onnx_model.field_pass import receptive_fields
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.inputs import BATCH_SIZES, candidates, declared_inputs, has_open_batch, shape_of
from inspector.engine.onnx_model.rows import Traced, Value
from inspector.engine.onnx_model.shapes import Inferred, infer
from inspector.engine.onnx_model.symbols import symbolic_shapes

_ALTERNATIVES = 4
_PATIENCE = 20.0
"""Seconds after which no further sizes are tried."""
_CHEAP, _AFFORDABLE = 1 << 26, 1 << 29
"""Elements of all values, or of all weights, up to which a run confirms what was inferred, or completes it."""
REFERENCE = "reference-evaluator"
FIRST_ITERATION = "first-iteration"
_TOO_LARGE = "the model is too large to be run only for them; forward runs it"


@dataclass(frozen=True)
class Pass:
    """What a pass found."""

    traced: Traced = field(default_factory=Traced)
    notes: list[Note] = field(default_factory=list)
    given: GivenValues = field(default_factory=lambda: NONE_GIVEN)
    """The small values that inputs were given."""

    @classmethod
    def of(
        cls,
        graph: Graph,
        values: Mapping[str, Value],
        reached: int,
        notes: list[Note],
        symbolic: Mapping[str, SymbolicShape],
        given: GivenValues,
        bodies: BodyPass,
    ) -> "Pass":
        """Fields, formulas and costs from the shapes of the nodes before `reached`, and of those in `bodies`."""
        behind = {name for node in graph.nodes[reached:] for name in node.proto.output}
        known = {name: value for name, value in values.items() if name not in behind}
        shapes = {name: value.shape for name, value in known.items() if value.shape is not None}
        fields, formulas = receptive_fields(graph, known, given, bodies.traced), formulas_of(graph, shapes, given)
        told = dict(fields.inside())
        inside = {path: replace(one, fields=told.get(path, {})) for path, one in bodies.traced.items()}
        operations = operations_of(graph, shapes, given)
        traced = Traced(known, reached, fields.told, formulas, operations, symbolic, bodies=inside)
        return cls(traced, [*notes, *_first_iterations(bodies)], given)

    def again(
        self, graph: Graph, values: Mapping[str, Value], reached: int, notes: list[Note], bodies: BodyPass
    ) -> "Pass":
        """After one more pass: fields, formulas and costs stay where the shapes do and there are no bodies."""
        whole = reached == self.traced.reached == len(graph.nodes) and not bodies.traced
        if whole and values == self.traced.values:
            return replace(self, notes=notes)
        return Pass.of(graph, values, reached, notes, self.traced.symbolic, self.given, bodies)

    def tells_as(self, other: "Pass") -> bool:
        """Whether both found the same, wherever their nodes ran."""
        return replace(self.traced, devices={}) == replace(other.traced, devices={})

    def placed(self, devices: Mapping[int, str]) -> "Pass":
        """With where the nodes of the main graph ran."""
        return replace(self, traced=replace(self.traced, devices=devices))


@dataclass(frozen=True)
class Trace:
    """A pass, and the inputs it was made with."""

    made: Pass
    specs: list[InputSpec]
    inputs: list[Input]
    failure: Failure | None


@dataclass(frozen=True)
class Attempt:
    """What was found out for one choice of inputs."""

    specs: list[InputSpec]
    shapes: dict[str, list[int]]
    values: dict[str, Value]
    reached: int
    bodies: BodyPass
    refusal: Refusal | None = None
    ran: bool = False
    not_run: str | None = None
    """Why onnxruntime would not run it, where that is no fault of the sizes."""
    instead: str | None = None
    """What onnxruntime refused, where ONNX's reference evaluator ran instead."""


def trace(graph: Graph, given: list[InputSpec], device: str, seed: int, progress: Progress) -> Trace:
    """Shapes for the inputs given, or for the first sizes that fit.

    Raises RequestError where what is given does not fit the declaration.
    """
    first: Attempt | None = None
    chosen: Attempt | None = None
    alternatives: list[dict[str, list[int]]] = []
    latest = time.monotonic() + _PATIENCE
    try:
        for batch in BATCH_SIZES:
            for number, specs in enumerate(candidates(graph, given, batch)):
                progress(number, None, "working out shapes")
                attempt = _attempt(graph, specs, device, seed)
                first = first or attempt
                if attempt.refusal is None and chosen is not None:
                    alternatives.append(attempt.shapes)
                elif attempt.refusal is None:
                    chosen = attempt
                # Where a run is needed, alternatives cost one each.
                enough = chosen is not None and (chosen.ran or chosen.not_run)
                if enough or len(alternatives) == _ALTERNATIVES or time.monotonic() > latest:
                    break
            if chosen is not None or not has_open_batch(graph, given) or time.monotonic() > latest:
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
    if best.instead:
        notes.append(reference_note(best.instead))
    if best.not_run:
        text = f"shapes that depend on values are not known: {best.not_run}"
        notes.append(Note(code="not-run", message=text))
    failure = None
    if best.refusal is not None:
        holder, refusal = innermost_refusal(graph, best.refusal, best.bodies)
        values = best.values if holder is graph else best.bodies.traced[holder.path].values
        failure = failure_of(holder, refusal, values, "cpu")
    symbolic = {} if given or failure is not None else symbolic_shapes(graph, best.shapes)
    given_now = given_values(graph, best.specs)
    made = Pass.of(graph, best.values, best.reached, notes, symbolic, given_now, best.bodies)
    return Trace(made, best.specs, _inputs(graph, given, best.specs, best.shapes, alternatives), failure)


def _first_iterations(bodies: BodyPass) -> list[Note]:
    if not bodies.iterated:
        return []
    more = f" and {len(bodies.iterated) - 3} more" if len(bodies.iterated) > 3 else ""
    text = f"rows inside {', '.join(bodies.iterated[:3])}{more} show the first iteration"
    return [Note(code=FIRST_ITERATION, message=text)]


def reference_note(refused: str) -> Note:
    """That the values are not onnxruntime's."""
    text = f"run with ONNX's reference evaluator, in NumPy, because onnxruntime refuses: {refused}"
    return Note(code=REFERENCE, message=text)


def _attempt(graph: Graph, specs: list[InputSpec], device: str, seed: int) -> Attempt:
    declared = zip(declared_inputs(graph), specs, strict=True)
    shapes = {spec.name: shape for one, spec in declared if (shape := shape_of(one, spec)) is not None}
    inferred = infer(graph, shapes)
    complete = inferred.complete and inferred.problem is None
    if _elements(graph, inferred) > (_CHEAP if complete else _AFFORDABLE):
        refusal = None if inferred.problem is None else Refusal("InferenceError", inferred.problem, inferred.culprit)
        reached = len(graph.nodes) if inferred.culprit is None else inferred.culprit
        bodies = pass_bodies(graph, Traced(inferred.values, reached), {}, None)
        why = None if complete else _TOO_LARGE
        return Attempt(specs, shapes, inferred.values, reached, bodies, refusal, not_run=why)
    # A run takes torch and onnxruntime, which take longer to import than most files take to read.
    from inspector.engine.onnx_model.confirming import confirmed

    return confirmed(graph, specs, shapes, inferred, device, seed)


def _elements(graph: Graph, inferred: Inferred) -> int:
    # Sizes that contradict each other may come out below zero.
    made = sum(max(0, math.prod(value.shape)) for value in inferred.values.values() if value.shape is not None)
    held: int = sum(math.prod(tensor.dims) for tensor in graph.initializers.values())
    return max(made, held)


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
        others = [other[one.name] for other in alternatives if one.name in other]
        is_given = one.name in named or unnamed > 0
        if one.name not in named and unnamed:
            unnamed -= 1
        guessed = one.sizes is None or any(isinstance(size, str) for size in one.sizes[1:])
        listed.append(
            Input(
                name=one.name,
                shape=shapes.get(one.name) if shapes else None,
                dtype=one.dtype,
                origin="given" if is_given else "inferred" if guessed else "declared",
                alternatives=others if guessed and not is_given else [],
                spec=typed.get(one.name, ""),
                symbolic_shape=one.symbolic,
            )
        )
    return listed
