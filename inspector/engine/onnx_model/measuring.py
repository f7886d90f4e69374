"""What a run says of each row: statistics, time, and where the first number that is none came from."""

from collections.abc import Mapping
from statistics import median

import torch

from inspector.core.results import FirstNonfinite, OutputPreview, RowRun, Statistics
from inspector.core.table import Row
from inspector.engine.counting import Bounds
from inspector.engine.gathering import Gathering
from inspector.engine.live import Progress
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described, measurable, text_of
from inspector.engine.onnx_model.layout import Place
from inspector.engine.onnx_model.runs import NO_RUN, Run
from inspector.engine.saturating import bounds_of
from inspector.engine.statistics import statistics

Known = Mapping[tuple[str, str], Statistics]
"""By the path of a graph and the name of a value in it."""


class Measuring:
    """Takes runs of a graph, one after another, and says of each row what they came to."""

    def __init__(self, graph: Graph, passes: int) -> None:
        self._graph = graph
        self._gathering = Gathering[tuple[str, str]](passes)
        self._seconds: list[list[tuple[float, float]]] = [[] for _ in graph.places]
        self._bytes: list[int | None] = [None for _ in graph.places]

    def take(self, runs: Mapping[str, Run], progress: Progress) -> None:
        """One run of the main graph, under "", and of the bodies in it, by their path."""
        places, known = self._graph.places, set[tuple[str, str]]()
        for number, place in enumerate(places):
            run = runs.get(place.graph.path, NO_RUN)
            self._take_times(number, place, run)
            made = {name: tensor for name in place.makes if (tensor := run.tensor(name)) is not None}
            if not made:
                continue
            self._bytes[number] = sum(tensor.numel() * tensor.element_size() for tensor in made.values())
            # Of the first that a row made; a scope's is the value of one of its nodes.
            name, tensor = next(iter(made.items()))
            if (place.graph.path, name) in known:
                continue
            known.add((place.graph.path, name))
            progress(number, len(places), f"statistics of {place.path or name}")
            self._gathering.take((place.graph.path, name), tensor, self._bounds(place))

    def _take_times(self, number: int, place: Place, run: Run) -> None:
        """A scope's time is that of its nodes, the root's that of the run."""
        times = [run.node_seconds[at] for at in range(place.first, place.last) if at in run.node_seconds]
        if not number and run.refusal is None:
            self._seconds[number].append((run.seconds, max(0.0, run.seconds - sum(times))))
        elif times:
            self._seconds[number].append((sum(times), sum(times) if place.single else 0.0))

    def _bounds(self, place: Place) -> Bounds | None:
        node = place.graph.nodes[place.first] if place.single else None
        return bounds_of(node.proto.op_type) if node is not None and not node.proto.domain else None

    def known(self) -> Known:
        """The statistics of all values taken."""
        return self._gathering.statistics()

    def row_runs(self, runs: Mapping[str, Run], known: Known) -> list[RowRun]:
        """One entry for each row; `runs` are the first that were taken."""
        listed = []
        for place, times, size in zip(self._graph.places, self._seconds, self._bytes, strict=True):
            run = runs.get(place.graph.path, NO_RUN)
            name = next((name for name in place.makes if run.tensor(name) is not None), "")
            seconds, own = zip(*times, strict=True) if times else (None, None)
            listed.append(
                RowRun(
                    seconds=median(seconds) if seconds else None,
                    self_seconds=median(own) if own else None,
                    output_bytes=size,
                    statistics=known.get((place.graph.path, name)),
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
