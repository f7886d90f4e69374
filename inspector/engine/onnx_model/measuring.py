"""What a run says of each row: statistics, time, and where the first number that is none came from."""

from collections.abc import Mapping

import torch

from inspector.core.results import FirstNonfinite, OutputPreview, RowRun, Statistics
from inspector.core.table import Row
from inspector.engine.live import Progress
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.rows import made_by_rows
from inspector.engine.onnx_model.running import Run
from inspector.engine.statistics import statistics

Values = Mapping[str, torch.Tensor | None]


Known = Mapping[str, Statistics]


def statistics_of_rows(graph: Graph, run: Run, progress: Progress) -> dict[str, Statistics]:
    """Of the first value that each row made and that is a tensor, by its name."""
    known: dict[str, Statistics] = {}
    made = made_by_rows(graph)
    for number, names in enumerate(made):
        first = next((name for name in names if run.values.get(name) is not None), None)
        if first is not None and first not in known and (tensor := run.values[first]) is not None:
            progress(number, len(made), f"statistics of {first}")
            known[first] = statistics(tensor, channels=True, sampled=True)
    return known


def row_runs(graph: Graph, rows: list[Row], run: Run, known: Known) -> list[RowRun]:
    """One entry for each row: a scope's time is that of its nodes, the root's that of the run."""
    positions = {node.path: node.index for node in graph.nodes}
    runs = []
    for row, made in zip(rows, made_by_rows(graph), strict=True):
        below = [other.path for other in rows[row.index : row.index + row.subtree] if other.kind == "node"]
        times = [time for path in below if (time := run.node_seconds.get(positions[path])) is not None]
        seconds = sum(times) if times else None
        self_seconds = seconds if row.kind == "node" or seconds is None else 0.0
        if row.parent is None:
            self_seconds = max(0.0, run.seconds - (seconds or 0.0)) if run.refusal is None else None
            seconds = run.seconds if run.refusal is None else seconds
        tensors = [(name, tensor) for name in made if (tensor := run.values.get(name)) is not None]
        runs.append(
            RowRun(
                seconds=seconds,
                self_seconds=self_seconds,
                output_bytes=sum(tensor.numel() * tensor.element_size() for _, tensor in tensors) if tensors else None,
                statistics=known[tensors[0][0]] if tensors else None,
            )
        )
    return runs


def output_previews(graph: Graph, values: Values) -> list[OutputPreview]:
    """The graph's outputs as torch prints them."""
    shown = []
    for value in graph.model.graph.output:
        tensor = values.get(value.name)
        if tensor is None:
            continue
        shown.append(
            OutputPreview(
                name=value.name,
                shape=list(tensor.shape),
                dtype=str(tensor.dtype).removeprefix("torch."),
                text=str(tensor),
                statistics=statistics(tensor),
            )
        )
    return shown


def first_nonfinite(
    graph: Graph, rows: list[Row], feeds: Mapping[str, torch.Tensor], values: Values, known: Known
) -> FirstNonfinite | None:
    """The first node with NaN or Inf in its output and none in what it read, weights aside.

    Infinities that a file holds as constants are meant, as in attention masks, and do not count.
    """
    bad = {name for name, tensor in feeds.items() if not _finite(tensor)}
    for node in graph.nodes:
        made = {name for name in node.proto.output if name and not _finite(values.get(name), known.get(name))}
        meant = node.proto.op_type in ("Constant", "ConstantOfShape") and not any(_has_nan(values.get(n)) for n in made)
        if made and not meant and not any(name in bad for name in node.proto.input):
            row = next(row for row in rows if row.kind == "node" and row.path == node.path)
            return FirstNonfinite(path=row.path, call=row.call, source=row.source)
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
