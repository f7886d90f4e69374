"""What a run says of each row: statistics, time, and where the first number that is none came from."""

from collections.abc import Mapping

import torch

from inspector.core.results import FirstNonfinite, OutputPreview, RowRun, Statistics
from inspector.core.table import Row
from inspector.engine.live import Progress
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described, measurable, text_of
from inspector.engine.onnx_model.runs import NO_RUN, Run
from inspector.engine.statistics import statistics

Known = Mapping[tuple[str, str], Statistics]
"""By the path of a graph and the name of a value in it."""


def statistics_of_rows(graph: Graph, runs: Mapping[str, Run], progress: Progress) -> dict[tuple[str, str], Statistics]:
    """Of the first value that each row made and that is a tensor.

    `runs` are those of the main graph, under "", and of the bodies in it, by their path.
    """
    known: dict[tuple[str, str], Statistics] = {}
    places = graph.places
    for number, place in enumerate(places):
        run = runs.get(place.graph.path, NO_RUN)
        made = ((name, tensor) for name in place.makes if (tensor := run.tensor(name)) is not None)
        name, tensor = next(made, ("", None))
        if tensor is None or (place.graph.path, name) in known:
            continue
        progress(number, len(places), f"statistics of {place.path or name}")
        known[place.graph.path, name] = statistics(tensor, channels=True, sampled=True)
    return known


def row_runs(graph: Graph, rows: list[Row], runs: Mapping[str, Run], known: Known) -> list[RowRun]:
    """One entry for each row: a scope's time is that of its nodes, the root's that of the run."""
    listed = []
    for row, place in zip(rows, graph.places, strict=True):
        run = runs.get(place.graph.path, NO_RUN)
        times = [run.node_seconds[at] for at in range(place.first, place.last) if at in run.node_seconds]
        seconds = sum(times) if times else None
        self_seconds = seconds if place.single or seconds is None else 0.0
        if row.parent is None:
            self_seconds = max(0.0, run.seconds - (seconds or 0.0)) if run.refusal is None else None
            seconds = run.seconds if run.refusal is None else seconds
        made = {name: tensor for name in place.makes if (tensor := run.tensor(name)) is not None}
        tensors, first = list(made.values()), (place.graph.path, next(iter(made), ""))
        listed.append(
            RowRun(
                seconds=seconds,
                self_seconds=self_seconds,
                output_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors) if tensors else None,
                statistics=known.get(first),
            )
        )
    return listed


def output_previews(graph: Graph, values: Mapping[str, Held]) -> list[OutputPreview]:
    """The graph's outputs as torch prints them; what is no tensor of numbers, as Python does."""
    shown = []
    for value in graph.outputs:
        found = values.get(value.name)
        tensor, kind = measurable(found), described(found)
        shown.append(
            OutputPreview(
                name=value.name,
                shape=kind.shape,
                dtype=kind.dtype or "none",
                text=text_of(found),
                statistics=None if tensor is None else statistics(tensor),
            )
        )
    return shown


def first_nonfinite(graph: Graph, rows: list[Row], runs: Mapping[str, Run], known: Known) -> FirstNonfinite | None:
    """The first node with NaN or Inf in its output and none in what it read, weights aside; the innermost one.

    Infinities that a file holds as constants are meant, as in attention masks, and do not count.
    """
    run = runs.get(graph.path, NO_RUN)
    bad = {name for name, value in run.feeds.items() if not _finite(measurable(value))}
    for node in graph.nodes:
        values = {name: run.tensor(name) for name in node.proto.output if name}
        made = {name for name, value in values.items() if not _finite(value, known.get((graph.path, name)))}
        constant = node.proto.op_type in ("Constant", "ConstantOfShape")
        meant = constant and not any(_has_nan(run.tensor(name)) for name in made)
        if made and not meant and not any(name in bad for name in node.proto.input):
            inside = (first_nonfinite(body.graph, rows, runs, known) for body in graph.bodies.get(node.index, []))
            row = next(row for row in rows if row.kind == "node" and row.path == node.path)
            own = FirstNonfinite(path=row.path, call=row.call, source=row.source)
            return next((found for found in inside if found), own)
        bad |= made
    return None


def _finite(tensor: torch.Tensor | None, known: Statistics | None = None) -> bool:
    if known is not None:
        return not (known.nan or known.inf)
    if tensor is None or not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return True
    wide = tensor.float() if tensor.element_size() < 4 else tensor
    # aminmax passes NaN on and shows Inf: one cheap pass.
    edges = wide.aminmax() if not wide.is_complex() else wide.abs().aminmax()
    return bool(torch.isfinite(edges.min)) and bool(torch.isfinite(edges.max))


def _has_nan(tensor: torch.Tensor | None) -> bool:
    return tensor is not None and tensor.is_floating_point() and bool(tensor.float().isnan().any())
