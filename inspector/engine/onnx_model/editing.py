"""Changes to the floating-point initializers of an ONNX graph: drawn anew, or one element set."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from msgspec import structs
from onnx import TensorProto

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.fans import Layout, effective_fans, explain, fans, gain_of, predicted_scale
from inspector.core.initialisers import InitialiserCall, parse_initialiser, refusal
from inspector.core.results import InitPreview, InitTarget
from inspector.core.selectors import parse_selector, select
from inspector.core.table import Row, Tensor
from inspector.core.tensor_index import parse_index
from inspector.engine.initialising import draw, fits, tensor_seed
from inspector.engine.numbers import value_of
from inspector.engine.onnx_model.constants import held_tensor
from inspector.engine.onnx_model.functions import FUNCTION
from inspector.engine.onnx_model.graph import Graph, find_tensor
from inspector.engine.onnx_model.initializers import is_floating
from inspector.engine.onnx_model.tensors import held_by
from inspector.engine.onnx_model.torch_values import torch_dtype, values_of, write_values
from inspector.engine.onnx_model.weight_layouts import layout_in
from inspector.engine.statistics import statistics

Applied = tuple[list[str], str, Callable[[], None]]


def preview_initialise(graph: Graph, edit: Edit, tensors: list[Tensor], rows: list[Row]) -> InitPreview:
    """What the edit would do to each tensor, without doing it.

    Raises RequestError where the edit selects nothing or does not read as an initialiser.
    """
    call = parse_initialiser(edit.argument)
    drawn, skipped = _draw_all(graph, edit, call, tensors, rows)
    _some(drawn, skipped, edit, call)
    targets = [_target(graph, one, call) for one in drawn]
    return InitPreview(where=edit.where, initialiser=str(call), seed=edit.seed, targets=targets, skipped=skipped)


def apply_initialise(graph: Graph, edit: Edit, tensors: list[Tensor], rows: list[Row]) -> Applied:
    """Draw the selected initializers anew.

    Raises RequestError where nothing is selected, or all of it has to be left alone, with the reasons.
    """
    call = parse_initialiser(edit.argument)
    drawn, skipped = _draw_all(graph, edit, call, tensors, rows)
    _some(drawn, skipped, edit, call)
    undo = _keep([one.initializer for one in drawn])
    for one in drawn:
        write_values(one.initializer, one.values)
    left = f"; left alone: {_reasons(skipped)}" if skipped else ""
    keys = [one.tensor.key for one in drawn]
    what = keys[0] if len(keys) == 1 else f"{len(keys)} initializers"
    return keys, f"{what} drawn by {call} with seed {edit.seed}{left}", undo


def apply_set_element(graph: Graph, edit: Edit) -> Applied:
    """Set one element of an initializer.

    Raises RequestError where there is no such element, or the value is none of the tensor's type.
    """
    find_tensor(graph, edit.where)
    tensor = _initializer(graph, edit.where)
    if isinstance(tensor, str):
        raise RequestError(f"{edit.where!r} is {tensor}; only dense tensors can be changed")
    values = values_of(graph, edit.where)
    shape = list(tensor.dims)
    if len(edit.index) != len(shape):
        raise RequestError(f"{edit.where} has shape {shape}: give {len(shape)} indices, not {len(edit.index)}")
    at = tuple(parse_index(f"[{','.join(map(str, edit.index))}]", shape, edit.where))
    number = value_of(edit.argument, torch_dtype(tensor.data_type), edit.where)
    before = values[at].item()
    undo = _keep([tensor])
    values[at] = torch.tensor(number, dtype=values.dtype)
    write_values(tensor, values)
    return [edit.where], f"{edit.where}{edit.index} set from {before:g} to {values[at].item():g}", undo


@dataclass(frozen=True)
class _Drawn:
    tensor: Tensor
    initializer: TensorProto
    values: torch.Tensor
    layout: Layout


def _draw_all(
    graph: Graph, edit: Edit, call: InitialiserCall, tensors: list[Tensor], rows: list[Row]
) -> tuple[list[_Drawn], list[tuple[str, str]]]:
    drawn: list[_Drawn] = []
    skipped: list[tuple[str, str]] = []
    for position, tensor in enumerate(_selected(graph, edit.where, tensors, rows)):
        initializer = _initializer(graph, tensor.key)
        if isinstance(initializer, str):
            skipped.append((tensor.key, initializer))
            continue
        layout = _layout(graph, tensor.key)
        reason = _reason_against(initializer, tensor, layout, call)
        if reason is not None:
            skipped.append((tensor.key, reason))
            continue
        dtype = torch_dtype(initializer.data_type)
        values = _draw_parts(call, tensor.shape or [], layout, tensor_seed(edit.seed, position), dtype)
        if fits(values, dtype):
            drawn.append(_Drawn(tensor, initializer, values.to(dtype), layout))
        else:
            skipped.append((tensor.key, f"the values are too large for {tensor.dtype}"))
    return drawn, skipped


def _draw_parts(call: InitialiserCall, shape: list[int], layout: Layout, seed: int, dtype: torch.dtype) -> torch.Tensor:
    """Each of the weights that a tensor holds by itself: a recurrent layer's gates, a batch's matrices."""
    part = layout.part(shape)
    count = prod(shape[: layout.stacked]) * layout.gates
    own = structs.replace(layout, stacked=0, gates=1)
    parts = [
        draw(call, part, tensor_seed(seed, number), double=dtype == torch.float64, layout=own)
        for number in range(count)
    ]
    return torch.stack(parts).reshape(shape) if parts else torch.empty(shape)


def _some(drawn: list[_Drawn], skipped: list[tuple[str, str]], edit: Edit, call: InitialiserCall) -> None:
    if not drawn:
        raise RequestError(f"{call} changes nothing at {edit.where!r}: {_reasons(skipped)}")


def _reasons(skipped: list[tuple[str, str]]) -> str:
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return "; ".join(f"{key}: {reason}" for key, reason in skipped[:5]) + more


def _selected(graph: Graph, where: str, tensors: list[Tensor], rows: list[Row]) -> list[Tensor]:
    """As `inspector.core.selectors.select`, but what lies at a node is what it reads: keys do not tell."""
    selector = parse_selector(where)
    if selector.kind == "key":
        return select(selector, tensors, rows)
    by_path = selector.kind == "module"
    starts = [row for row in rows if (row.path if by_path else row.type) == selector.text]
    below = [other for row in starts for other in rows[row.index : row.index + row.subtree]]
    paths = {row.path for row in below if row.kind == "node"}
    keys = {key for one in graph.walk() for node in one.nodes if node.path in paths for key in held_by(one, node)}
    found = [tensor for tensor in tensors if tensor.key in keys and tensor.kind == "parameter"]
    return found or select(selector, tensors, rows)


def _initializer(graph: Graph, key: str) -> TensorProto | str:
    """The initializer, or the tensor in a Constant node, to write to; or what the tensor is instead."""
    holder, name = find_tensor(graph, key)
    constant = holder.constants.get(name)
    if (constant.expression if constant else holder.within.expression).startswith(FUNCTION):
        return "inside a function, where a change would be one of every call"
    if name in holder.sparse:
        return "a sparse initializer"
    held = holder.initializers.get(name) if constant is None else held_tensor(constant.proto)
    return "a number that a Constant node has as a setting" if held is None else held


def _reason_against(initializer: TensorProto, tensor: Tensor, layout: Layout, call: InitialiserCall) -> str | None:
    if not is_floating(initializer.data_type) or not torch_dtype(initializer.data_type).is_floating_point:
        return f"{tensor.dtype} is not a floating-point type"
    if call.name == "lsuv":
        return "lsuv measures passes of a PyTorch model"
    if call.name == "layer_default":
        return "no default known: an ONNX file does not say how its layers were initialised"
    return refusal(call, layout.part(tensor.shape or []))


def _layout(graph: Graph, key: str) -> Layout:
    holder, name = find_tensor(graph, key)
    held = holder.tensor(name)
    return layout_in(holder, name, len(held.dims) if held is not None else 0)


def _target(graph: Graph, drawn: _Drawn, call: InitialiserCall) -> InitTarget:
    tensor, shape = drawn.tensor, drawn.tensor.shape or []
    counted = fans(shape, drawn.layout)
    effective = effective_fans(shape, drawn.layout)
    mean_square = float(drawn.values.double().square().mean())
    forward, backward = predicted_scale(shape, drawn.layout, mean_square)
    return InitTarget(
        key=tensor.key,
        shape=shape,
        dtype=tensor.dtype,
        fan_in=counted[0] if counted else None,
        fan_out=counted[1] if counted else None,
        effective_fan_in=effective[0] if effective else None,
        effective_fan_out=effective[1] if effective else None,
        gain=gain_of(call),
        explanation=explain(call, drawn.layout.part(shape), structs.replace(drawn.layout, stacked=0, gates=1)),
        tied_to=tensor.tied_to,
        before=statistics(values_of(graph, tensor.key)),
        after=statistics(drawn.values),
        forward=forward,
        backward=backward,
    )


def _keep(initializers: list[TensorProto]) -> Callable[[], None]:
    """Remember initializers as they are; call the result to bring them back."""
    kept = []
    for initializer in initializers:
        copy = TensorProto()
        copy.CopyFrom(initializer)
        kept.append((initializer, copy))

    def undo() -> None:
        for initializer, copy in kept:
            initializer.CopyFrom(copy)

    return undo
