"""A value that a pass makes, by its name: run again until it is there, with the inputs and the seed of that pass."""

import difflib

import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.onnx_model.body_pass import pass_bodies
from inspector.engine.onnx_model.confirming import body_runner, values_of_run
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.held import Held, described, measurable
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.rows import Traced
from inspector.engine.onnx_model.running import run


def value_of_pass(graph: Graph, key: str, specs: list[InputSpec], device: str, seed: int) -> torch.Tensor:
    """The numbers of a value of the main graph or of a body in it; `key` may also be the path of a node.

    Raises RequestError where there is no such value, the pass does not reach it, or it holds no numbers.
    """
    holder, name = _place(graph, key)
    feeds = draw(graph, specs, seed)
    if holder.outer is None:
        value = _of(graph, name, feeds, device, seed)
    else:
        value = _of_body(graph, holder, name, feeds, device, seed)
    tensor = measurable(value)
    if tensor is None:
        kind = described(value).dtype
        raise RequestError(f"{key!r} is {f'a {kind}' if kind else 'without a value'}, not a tensor of numbers")
    return tensor


def _place(graph: Graph, key: str) -> tuple[Graph, str]:
    """The graph that makes the value, and its name there."""
    names: list[str] = []
    for one in graph.walk():
        own = key.removeprefix(f"{one.path}/") if one.path else key
        if own in one.producers or (not one.path and own in {value.name for value in one.inputs}):
            return one, own
        node = next((node for node in one.nodes if node.path == key), None)
        made = next(filter(None, node.proto.output), None) if node else None
        if made is not None:
            return one, made
        names += [one.key(name) for name in one.producers]
    near = difflib.get_close_matches(key, names, 3) or names[:3]
    raise RequestError(f"there is no tensor, node or value {key!r}; there are for example {', '.join(near) or 'none'}")


def _of(graph: Graph, name: str, feeds: dict[str, Held], device: str, seed: int) -> Held:
    if name in feeds:
        return feeds[name]
    result = run(graph, feeds, provider_of(device), seed, wanted=name)
    if result.refusal is not None:
        raise RequestError(f"the pass does not reach {name!r}: {result.refusal.message}")
    return result.values.get(name)


def _of_body(graph: Graph, holder: Graph, name: str, feeds: dict[str, Held], device: str, seed: int) -> Held:
    result = run(graph, feeds, provider_of(device), seed)
    traced = Traced(values_of_run(graph, feeds, result.values), result.reached)
    bodies = pass_bodies(graph, traced, {**feeds, **result.values}, body_runner(device, seed))
    inside = bodies.runs.get(holder.path)
    if inside is None or name not in inside.values:
        raise RequestError(f"the pass does not go through {holder.path}, so that {name!r} has no value")
    return inside.values[name]
