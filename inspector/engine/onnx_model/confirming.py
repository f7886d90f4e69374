"""What inference found out, confirmed or completed by a run."""

from collections.abc import Mapping
from typing import Any

from inspector.core.recipe import InputSpec
from inspector.engine.onnx_model.body_pass import BodyPass, RunBody, pass_bodies
from inspector.engine.onnx_model.endless import ENDLESS
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described, held
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.rows import Traced, Value
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.shapes import Inferred
from inspector.engine.onnx_model.tracing import Attempt

_LONGEST = 10.0
"""Seconds that a run may take where only shapes were asked for."""


def confirmed(
    graph: Graph, specs: list[InputSpec], shapes: dict[str, list[int]], inferred: Inferred, device: str, seed: int
) -> Attempt:
    """The values of a run where inference does not reach; its own where a run does not contradict it."""
    feeds, providers = draw(graph, specs, seed), provider_of(device)
    complete = inferred.complete and inferred.problem is None
    if complete and not graph.bodies:
        # Inference believes what a graph says of itself; a run tells whether it is so.
        checked = run(graph, feeds, providers, seed, inner=False, limit=_LONGEST)
        if checked.refusal is None and _as_inferred(checked, inferred):
            values = inferred.values
            return Attempt(specs, shapes, values, len(graph.nodes), BodyPass(), instead=checked.instead)
    result = run(graph, feeds, providers, seed, limit=_LONGEST)
    if result.refusal is not None and inferred.problem is None and _is_no_fault_of_sizes(result.refusal):
        # Nothing contradicts itself; it cannot be run here: an operator that onnxruntime lacks, data that is missing.
        traced = Traced(inferred.values, len(graph.nodes))
        bodies = pass_bodies(graph, traced, {}, None)
        why = f"onnxruntime does not run it: {result.refusal.message}"
        return Attempt(specs, shapes, inferred.values, len(graph.nodes), bodies, not_run=why)
    values = {**inferred.values, **values_of_run(graph, feeds, result.values)}
    bodies = pass_bodies(
        graph, Traced(values, result.reached), {**feeds, **result.values}, body_runner(device, seed, _LONGEST)
    )
    refusal = _clearer(inferred, result.refusal)
    return Attempt(specs, shapes, values, result.reached, bodies, refusal, ran=not complete, instead=result.instead)


def _is_no_fault_of_sizes(refusal: Refusal) -> bool:
    return refusal.culprit is None or refusal.type == ENDLESS


def _as_inferred(result: Run, inferred: Inferred) -> bool:
    """Whether the outputs have the shapes that inference gave them."""
    made = {name: shape for name, value in result.values.items() if (shape := described(value).shape) is not None}
    return all(made[name] == inferred.values[name].shape for name in made.keys() & inferred.values.keys())


def body_runner(device: str, seed: int, limit: float | None = None, *, timed: bool = False) -> RunBody:
    """Runs a body with values for its inputs; `limit` and `timed` as for `run`."""
    providers = provider_of(device)

    def run_body(graph: Graph, feeds: dict[str, Any]) -> Run:
        return run(graph, {name: held(one) for name, one in feeds.items()}, providers, seed, timed=timed, limit=limit)

    return run_body


def values_of_run(graph: Graph, feeds: Mapping[str, Held], results: Mapping[str, Held]) -> dict[str, Value]:
    """Shapes and dtypes as they were in a run, with those of the inputs and the weights."""
    values = {name: Value(list(t.dims), dtype_name(t.data_type)) for name, t in graph.initializers.items()}
    return values | {name: described(value) for name, value in [*feeds.items(), *results.items()]}


def _clearer(inferred: Inferred, refusal: Refusal | None) -> Refusal | None:
    """A run that fails without naming a node is explained by inference, where that names one."""
    if refusal is None or refusal.culprit is not None or inferred.problem is None:
        return refusal
    return Refusal("InferenceError", inferred.problem, inferred.culprit)
