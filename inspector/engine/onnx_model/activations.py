"""What the nodes of a graph put out over many random samples."""

import math

import torch
from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec, later_seed
from inspector.core.wording import things
from inspector.engine.activations import BOUNDED, RECTIFIERS, Activations, Gathered, Role, rectifies
from inspector.engine.live import Progress
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, measurable
from inspector.engine.onnx_model.inputs import declared_inputs
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.rows import source_of
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.runs import Run
from inspector.engine.onnx_model.torch_values import values_of

MOST, FEWEST, DRAWS = 64, 8, 8
ELEMENTS = 1 << 21
"""Of the inputs of a batch, at most, beyond its fewest samples."""
_MULTIPLYING = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN"}
_NORMALISING = {"Softmax", "LogSoftmax", "BatchNormalization", "LayerNormalization", "InstanceNormalization"}
_CHANNELS_FIRST = {"Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "GroupNormalization"}
_CHANNELS_LAST = {"Gemm", "MatMul", "LayerNormalization"}


def activations(graph: Graph, specs: list[InputSpec], device: str, seed: int, progress: Progress) -> Activations:
    """Run over many samples. Raises RequestError where the graph does not run, or its inputs are not random."""
    feeds = draw(graph, specs, seed)
    another = draw(graph, specs, later_seed(seed, 1))
    if feeds and all(_equal(feeds[name], another[name]) for name in feeds):
        raise RequestError("the inputs are given or constant, so there is one sample only; leave --input out")
    larger = _larger(graph, specs, device, seed)
    gathered: dict[str, Gathered] = {}
    if larger is not None:
        count, result = larger
        _gather(graph, result, count, gathered)
        return Activations([one.told() for one in gathered.values()], count, f"a batch of {count} random samples")
    for number in range(DRAWS):
        progress(number, DRAWS, "watching activations")
        drawn = draw(graph, specs, later_seed(seed, number))
        _gather(graph, completed(graph, drawn, device, seed), 1, gathered)
    told = [one.told() for one in gathered.values()]
    return Activations(told, DRAWS, f"{things(DRAWS, 'random input')}, one after another")


def completed(graph: Graph, feeds: dict[str, Held], device: str, seed: int) -> Run:
    """A run with every node's output kept. Raises RequestError where the graph does not run."""
    result = run(graph, feeds, provider_of(device), seed)
    if result.refusal is not None:
        raise RequestError(f"the pass fails, see NN001: {result.refusal.message}")
    return result


def _larger(graph: Graph, specs: list[InputSpec], device: str, seed: int) -> tuple[int, Run] | None:
    """A run over a batch, where the file leaves its size open and the graph takes it, and how many samples it has."""
    declared = declared_inputs(graph)
    shaped = [spec for spec in specs if spec.shape]
    if len(shaped) != len(declared) or any(not one.sizes or isinstance(one.sizes[0], int) for one in declared):
        return None
    elements = sum(math.prod((spec.shape or [])[1:]) for spec in shaped)
    count = max(FEWEST, min(MOST, ELEMENTS // max(1, elements)))
    feeds = draw(graph, [replace(spec, shape=[count, *(spec.shape or [])[1:]]) for spec in specs], seed)
    result = run(graph, feeds, provider_of(device), seed)
    outputs = [result.tensor(value.name) for value in graph.outputs]
    fits = all(one is not None and one.dim() and one.shape[0] == count for one in outputs)
    return (count, result) if result.refusal is None and fits else None


def _gather(graph: Graph, result: Run, samples: int, gathered: dict[str, Gathered]) -> None:
    from_input = {value.name for value in graph.inputs}
    axes: dict[str, int] = {}

    def place(name: str, node: Node, role: Role) -> Gathered:
        return gathered.setdefault(name, Gathered(node.path, node.proto.op_type, source_of(node), role))

    for node in graph.nodes:
        given = [name for name in node.proto.input if name in from_input]
        if not given:
            continue
        from_input.update(name for name in node.proto.output if name)
        name, kind = node.proto.output[0], node.proto.op_type
        output, value = result.tensor(name), value_in(graph, result, given[0])
        if output is None or not output.is_floating_point() or not output.numel():
            continue
        axis = 1 if kind in _CHANNELS_FIRST else output.dim() - 1 if kind in _CHANNELS_LAST else axes.get(given[0])
        if axis is not None:
            axes[name] = axis
        if kind in _MULTIPLYING and len(given) < len([one for one in node.proto.input if one]):
            one = place(name, node, "weight")
            one.take(output, samples)
            if value is not None:
                one.take_incoming(value)
        elif value is not None and value.shape == output.shape and value.is_floating_point():
            if kind.lower() in BOUNDED:
                one = place(name, node, "bounded")
                one.take(output, samples)
                one.take_levels(BOUNDED[kind.lower()](output))
            elif kind not in _NORMALISING and rectifies(output, value, kind.lower() in RECTIFIERS):
                one = place(name, node, "rectifier")
                one.take(output, samples)
                if output.dim():
                    along = (1 if output.dim() in (2, 4, 5) else -1) if axis is None else axis
                    one.take_units(output, along if along < output.dim() else -1)
    for value_info in graph.outputs:
        output = result.tensor(value_info.name)
        if output is not None and output.is_floating_point() and value_info.name in from_input:
            made = gathered.get(value_info.name)
            one = gathered.setdefault(f"{value_info.name} (output)", Gathered("", value_info.name, None, "output"))
            one.take(output, samples)
            if made is not None:
                made.final, one.path, one.source = True, made.path, made.source


def value_in(graph: Graph, result: Run, name: str) -> torch.Tensor | None:
    """A value of a run: made in it, given to it, or held by the file; None for what is no tensor of numbers."""
    made = result.tensor(name)
    if made is not None or not name:
        return made
    if name in result.feeds:
        return measurable(result.feeds[name])
    return values_of(graph, name) if graph.holds(name) else None


def _equal(one: Held, two: Held) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return torch.equal(one, two)
    return True
