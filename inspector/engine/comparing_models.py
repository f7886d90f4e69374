"""`diff` where one of the two is an ONNX file: tensors, nodes, and both run on the same inputs."""

import tempfile
from pathlib import Path

import torch

from inspector.core.differences import DiffReport
from inspector.core.errors import RequestError
from inspector.core.graph_comparison import GraphComparison
from inspector.core.recipe import Recipe, later_seed, parse_target
from inspector.core.row_comparison import RowComparison
from inspector.core.table import ModelTable
from inspector.core.wording import things
from inspector.engine.compared_tensors import (
    catalog_of,
    initializer_names,
    initializer_values,
    with_declared_types,
    with_text,
)
from inspector.engine.live import Progress
from inspector.engine.onnx_model.constant_values import draws
from inspector.engine.onnx_model.model import OnnxModel
from inspector.engine.onnx_model.node_differences import compare_runs, node_differences, node_pairs, random_values
from inspector.engine.opening import open_live
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog
from inspector.files.catalog import Catalog
from inspector.files.values.differing import diff_catalogs

Side = OnnxModel | TorchModel | Catalog


def compare_models(a: Recipe, b: Recipe, progress: Progress) -> GraphComparison:
    """Compare what two recipes name, of which at least one is an ONNX file.

    Raises RequestError where one cannot be opened, or one of them alone holds no tensors.
    """
    one, other = _opened(a), _opened(b)
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        names = [_names(side) for side in (one, other)]
        shared = names[0] & names[1]
        first = _catalog(one, Path(folder) / "a.pt", shared, notes)
        second = _catalog(other, Path(folder) / "b.pt", shared, notes)
        if bool(first.tensors) != bool(second.tensors):
            bare = (b if first.tensors else a).target
            raise RequestError(f"{bare} holds no weights; name a model that does, or `nninspect summary` to look at it")
        tensors = diff_catalogs(first, second, progress) if first.tensors else DiffReport(rows=[])
    graphs = [side.graph if isinstance(side, OnnxModel) else None for side in (one, other)]
    tensors = with_text(with_declared_types(tensors, *graphs), *graphs)
    pairs = node_pairs(one.graph, other.graph) if isinstance(one, OnnxModel) and isinstance(other, OnnxModel) else None
    nodes = None
    comparison: RowComparison | None = None
    try:
        if isinstance(one, OnnxModel) and isinstance(other, OnnxModel) and pairs is not None:
            nodes = node_differences(one.graph, other.graph, pairs)
            given, typed = one.named_inputs(a.inputs, a.seed, progress)
            progress(0, None, "running both")
            runs = [side.graph_values(given, a.seed) for side in (one, other)]
            seed = later_seed(a.seed, 1)
            random = [
                random_values(made, side.graph_values(given, seed)) if draws(side.graph) else frozenset[str]()
                for side, made in zip((one, other), runs, strict=True)
            ]
            comparison = compare_runs(runs[0], runs[1], pairs, typed, (random[0], random[1]))
        elif isinstance(one, TorchModel) and isinstance(other, OnnxModel):
            comparison = one.compare_rows(other.graph, a.inputs, later_seed(a.seed, 1), progress)
        elif isinstance(one, OnnxModel) and isinstance(other, TorchModel):
            comparison = other.compare_rows(one.graph, b.inputs, later_seed(b.seed, 1), progress)
    except RequestError as problem:
        notes.append(f"values are not compared: {problem}")
    sides = (other, one) if isinstance(other, TorchModel) else (one, other)
    table, graph = (None if isinstance(side, Catalog) else _table(side, progress) for side in sides)
    return GraphComparison(tensors=tensors, nodes=nodes, comparison=comparison, notes=notes, table=table, graph=graph)


def _table(side: OnnxModel | TorchModel, progress: Progress) -> ModelTable:
    """With shapes, where they can be worked out."""
    try:
        return side.trace([], progress)
    except RequestError:
        return side.table()


def _opened(recipe: Recipe) -> Side:
    if parse_target(recipe.target).kind == "weights":
        return open_catalog(user_path(recipe.target), recipe.allow_outside)
    opened = open_live(recipe)
    assert isinstance(opened, OnnxModel | TorchModel)
    return opened


def _names(side: Side) -> set[str]:
    if isinstance(side, Catalog):
        return {tensor.key for tensor in side.tensors}
    if isinstance(side, OnnxModel):
        return initializer_names(side.graph)
    return set(side.module.state_dict())


def _catalog(side: Side, place: Path, shared: set[str], notes: list[str]) -> Catalog:
    """A side's tensors as a file; without counters and constants of which the other has none."""
    if isinstance(side, Catalog):
        return side
    if isinstance(side, OnnxModel):
        tensors = initializer_values(side.graph, notes)
    else:
        tensors = {
            key: value.detach().cpu() for key, value in side.module.state_dict().items() if torch.is_tensor(value)
        }
    kept = {name: one for name, one in tensors.items() if name in shared or not _is_constant(one)}
    if len(kept) < len(tensors):
        what = "constants of the graph" if isinstance(side, OnnxModel) else "counters of the model"
        notes.append(f"{things(len(tensors) - len(kept), 'integer tensor')} left out: {what}, which the other lacks")
    return catalog_of(kept, place)


def _is_constant(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex()
