"""One run of a graph and of the bodies in it, and what it says of each row."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from inspector.core.recipe import InputSpec
from inspector.core.results import ForwardReport
from inspector.core.table import Failure, ModelTable, Note
from inspector.engine.live import Progress
from inspector.engine.onnx_model.body_pass import innermost_refusal, pass_bodies
from inspector.engine.onnx_model.confirming import body_runner, values_of_run
from inspector.engine.onnx_model.failing import failure_of
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.measuring import Measuring, first_nonfinite, output_previews
from inspector.engine.onnx_model.providers import device_of, provider_of
from inspector.engine.onnx_model.rows import Traced
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.tracing import FIRST_ITERATION, REFERENCE, Pass, reference_note
from inspector.engine.statistics import on_one_thread

NOT_TIMED = "not-timed"
_NOT_TIMED = "nodes have no times: timing every step of the graph's loops would take many times as long as the run"


@dataclass(frozen=True)
class WentThrough:
    """A run, and what follows from it for the table."""

    made: Pass
    failure: Failure | None
    runs: Mapping[str, Run]
    """Of the main graph under "", of the bodies under their paths."""


def went_through(graph: Graph, specs: list[InputSpec], device: str, seed: int, before: Pass) -> WentThrough:
    """Run the graph with every node's output kept, then the bodies that it enters; `before` is the shape pass."""
    feeds = draw(graph, specs, seed)
    result = run(graph, feeds, provider_of(device), seed, timed=True)
    values = values_of_run(graph, feeds, result.values)
    notes = [note for note in before.notes if note.code not in (REFERENCE, FIRST_ITERATION, NOT_TIMED)]
    notes += [reference_note(result.instead)] if result.instead else []
    notes += [] if result.refusal is not None or result.node_seconds else [Note(code=NOT_TIMED, message=_NOT_TIMED)]
    traced = Traced(values, result.reached)
    bodies = pass_bodies(graph, traced, {**feeds, **result.values}, body_runner(device, seed, timed=True))
    made = before.again(graph, values, result.reached, notes, bodies)
    failure = None
    if result.refusal is not None:
        holder, refusal = innermost_refusal(graph, result.refusal, bodies)
        failure = failure_of(holder, refusal, values if holder is graph else bodies.traced[holder.path].values, device)
    ran_on = {at: device_of(provider, device) for at, provider in result.node_providers.items()}
    return WentThrough(made.placed(ran_on), failure, {"": result, **bodies.runs})


def measured(
    graph: Graph,
    runs: Iterable[WentThrough],
    batches: int,
    seed: int,
    table: Callable[[], ModelTable],
    progress: Progress,
) -> ForwardReport:
    """Statistics, times and the first number that is none, row by row, over all runs; there is at least one.

    `table` tells what follows from the last of them, so it is asked for when all have been.
    """
    first: WentThrough | None = None
    seconds, passes, failed = list[float](), 0, False
    with on_one_thread():
        measuring = Measuring(graph, batches)
        for went in runs:
            first = first or went
            measuring.take(went.runs, progress)
            passes += 1
            failed = went.failure is not None
            if went.runs[""].refusal is None:
                seconds.append(went.runs[""].seconds)
        assert first is not None
        known, made = measuring.known(), table()
        return ForwardReport(
            table=made,
            runs=measuring.row_runs(first.runs, known),
            outputs=[] if failed else output_previews(graph, first.runs[""].values),
            first_nonfinite=first_nonfinite(graph, made.rows, first.runs, known),
            seconds=median(seconds) if seconds else None,
            seed=seed,
            batches=passes,
        )
