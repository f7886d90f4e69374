"""Runs a graph: with onnxruntime, and with ONNX's reference evaluator what onnxruntime has no implementation of."""

from collections.abc import Mapping
from dataclasses import replace

from inspector.engine.onnx_model import reference, runtime
from inspector.engine.onnx_model.endless import endless_loop
from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.runs import Run


def run(
    graph: Graph,
    feeds: Mapping[str, Held],
    providers: list[Provider],
    seed: int,
    *,
    inner: bool = True,
    timed: bool = False,
    limit: float | None = None,
    wanted: str | None = None,
) -> Run:
    """Run once; with `inner`, every node's outputs are kept, else the graph's outputs only; with `timed`, their times.

    `wanted`: the one value to be kept instead; no node behind its own is run.
    `limit`: seconds after which the run is stopped, a loop that goes on and on. None waits for it.
    A graph that does not run is no error: `refusal` says why, and the values are those of the nodes before.
    """
    endless = endless_loop(graph, graph.position_behind(wanted))
    if endless is not None:
        return Run({}, 0, 0.0, refusal=endless, feeds=feeds)
    result = runtime.run(graph, feeds, providers, seed, inner=inner, timed=timed, limit=limit, wanted=wanted)
    if result.refusal is None or not result.refusal.lacking:
        return result
    try:
        computed = reference.run(graph, feeds, seed, limit=limit, wanted=wanted)
    except reference.NotComputedError as problem:
        return replace(result, refusal=_explained(result.refusal, str(problem)))
    if computed.refusal is not None and not computed.refusal.lacking:
        # It got as far as the node that does not fit what reaches it, which says more than a lack of onnxruntime.
        return replace(computed, instead=result.refusal.message)
    if computed.refusal is not None:
        return replace(result, refusal=_explained(result.refusal, computed.refusal.message))
    return replace(computed, instead=result.refusal.message)


def _explained(refusal: Refusal, why: str) -> Refusal:
    return replace(refusal, message=f"{refusal.message}; ONNX's reference evaluator does not run it either: {why}")
