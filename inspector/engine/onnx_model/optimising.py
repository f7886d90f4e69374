"""The graph as onnxruntime would serve it, all its optimisations on, beside the graph as it stands in the file."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime

from inspector.core.errors import RequestError
from inspector.core.results import OptimisedRun
from inspector.engine.live import Progress
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, measurable
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.runtime import loaded, model_to_run, options_of
from inspector.engine.onnx_model.runtime_values import lent_value, results_of
from inspector.engine.tensor_differences import difference

_ROUNDS = 3


def optimised_run(
    graph: Graph, feeds: Mapping[str, Held], providers: list[Provider], seed: int, progress: Progress
) -> OptimisedRun:
    """Run both for the graph's outputs alone, in turn; times are the shortest of three warm runs.

    Raises RequestError where onnxruntime does not run the graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "optimised.onnx"
        try:
            progress(0, 3, "loading the graph as it is")
            plain = _session(graph, providers, None)
            progress(1, 3, "optimising the graph")
            optimised = _session(graph, providers, file)
            progress(2, 3, "running both")
            before, seconds_before = _timed(plain, graph, feeds, seed)
            after, seconds = _timed(optimised, graph, feeds, seed)
        except Exception as problem:
            # onnxruntime's exceptions have no base but Exception.
            reason = (str(problem).splitlines() or [""])[0]
            raise RequestError(
                f"onnxruntime does not run this graph with optimisations on: {reason}; run forward without them"
            ) from None
        nodes = _count(file)
    differences = [
        difference(one, other)
        for name, value in before.items()
        if (one := measurable(value)) is not None and (other := measurable(after[name])) is not None
    ]
    return OptimisedRun(
        seconds=seconds,
        nodes=nodes,
        unoptimised_seconds=seconds_before,
        unoptimised_nodes=len(graph.nodes),
        max_abs=max((one.max_abs for one in differences if one.max_abs is not None), default=None),
        relative=max((one.relative for one in differences if one.relative is not None), default=None),
    )


def _session(graph: Graph, providers: list[Provider], file: Path | None) -> onnxruntime.InferenceSession:
    """With a `file`, optimised, and written there."""
    model, lent = model_to_run(graph, len(graph.nodes), [value.name for value in graph.outputs])
    return loaded(model, options_of(graph, lent, optimised=file), providers)


def _timed(
    session: onnxruntime.InferenceSession, graph: Graph, feeds: Mapping[str, Held], seed: int
) -> tuple[dict[str, Held], float]:
    names = [value.name for value in graph.outputs]
    inputs = {name: lent_value(value) for name, value in feeds.items()}
    onnxruntime.set_seed(seed)
    results, times = results_of(session, names, inputs, onnxruntime.RunOptions()), []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        results_of(session, names, inputs, onnxruntime.RunOptions())
        times.append(time.perf_counter() - started)
    return results, min(times)


def _count(file: Path) -> int | None:
    """Nodes of the main graph; None where onnxruntime wrote none down."""
    return len(onnx.load(file, load_external_data=False).graph.node) if file.is_file() else None
