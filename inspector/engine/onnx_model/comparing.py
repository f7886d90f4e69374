"""Whether a file saved from a graph gives the same outputs."""

import tempfile
from pathlib import Path

import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.results import CloneReport
from inspector.engine.live import Progress
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import text_of
from inspector.engine.onnx_model.measuring import output_previews
from inspector.engine.onnx_model.opening import read_graph
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.saving import save


def compare_clone(graph: Graph, specs: list[InputSpec], device: str, seed: int, progress: Progress) -> CloneReport:
    """Save the graph, read the file back, and compare the outputs of both to the bit.

    Raises RequestError where the model does not run.
    """
    feeds, providers = draw(graph, specs, seed), provider_of(device)
    with tempfile.TemporaryDirectory() as folder:
        copy = str(Path(folder) / "clone.onnx")
        progress(0, 3, "saving a copy")
        save(graph, copy, overwrite=False)
        progress(1, 3, "running the model")
        original = run(graph, feeds, providers, seed, inner=False)
        progress(2, 3, "running its clone")
        cloned = run(read_graph(copy), feeds, providers, seed, inner=False)
    if original.refusal:
        raise RequestError(f"the model does not run: {original.refusal.message}; run forward to see where")
    return _compared(graph, original, cloned)


def _compared(graph: Graph, original: Run, cloned: Run) -> CloneReport:
    equal, largest = True, 0.0
    for name in original.values:
        first, second = original.tensor(name), cloned.tensor(name)
        if first is None or second is None or first.shape != second.shape or first.dtype != second.dtype:
            equal = equal and text_of(original.values[name]) == text_of(cloned.values.get(name))
            continue
        equal = equal and torch.equal(_bytes(first), _bytes(second))
        if first.numel():
            apart = (first.to(torch.complex128) - second.to(torch.complex128)).abs().nan_to_num(0.0)
            largest = max(largest, float(apart.max()))
    explanation = (
        "a file saved from this model and read back gives the same outputs to the bit"
        if equal
        else "the outputs differ though the weights are the same: a node draws random numbers or runs in another order"
    )
    previews = output_previews(graph, original.values)
    return CloneReport(equal=equal, max_abs=largest, outputs=previews, explanation=explanation)


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)
