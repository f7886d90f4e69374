"""Edits of a PyTorch model's values: initialising tensors and setting single elements."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from inspector.core.activation_gains import second_moment
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.fans import effective_fans, explain, fans, gain_of, predicted_scale
from inspector.core.initialisers import InitialiserCall, parse_initialiser, refusal
from inspector.core.results import InitPreview, InitTarget
from inspector.core.selectors import parse_selector, select
from inspector.core.table import Row, Tensor
from inspector.engine.initialising import draw, fits, tensor_seed
from inspector.engine.live import Undo
from inspector.engine.numbers import value_of
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.followers import followers, follows, nonlinearity_of
from inspector.engine.pytorch.layer_defaults import LayerDefaults, source_of
from inspector.engine.pytorch.places import holdings_of, identity, places_of
from inspector.engine.pytorch.slots import Slot, closed_because, layout_of, slots_of
from inspector.engine.statistics import on_one_thread, statistics

FILLS = ("constant_", "ones_", "zeros_")
FROZEN = "frozen: it requires no gradient; name its key, or ask for frozen ones too"
Skipped = list[tuple[str, str]]


def preview(
    model: nn.Module, edit: Edit, tensors: list[Tensor], rows: list[Row], root: CallRecord | None = None
) -> InitPreview:
    """What an `initialise` edit would do; the model is not changed. `root` is the pass that was recorded last.

    Raises RequestError where the selector or the initialiser is wrong, or no tensor selected can be initialised.
    """
    call = parse_initialiser(edit.argument)
    plan, skipped = planned(model, edit, call, tensors, rows)
    frozen = {tensor.key for tensor in tensors if _frozen(tensor)}
    targets = []
    paths = {id(place.module): place.path for place in reversed(places_of(model))}
    behind = followers(root, {paths[id(slot.owner)] for slot, _ in plan})
    for slot, drawn in plan:
        try:
            after = slot.try_on(drawn)
        except Exception as problem:  # the user's own parametrization
            skipped.append((slot.key, _refused_inverse(problem)))
            continue
        follower = behind.get(paths[id(slot.owner)])
        with on_one_thread():
            targets.append(_target(slot, call, edit, drawn, after, slot.key in frozen, follower))
    _some(targets, skipped, edit)
    return InitPreview(where=edit.where, initialiser=str(call), seed=edit.seed, targets=targets, skipped=skipped)


def apply_initialise(
    model: nn.Module, edit: Edit, tensors: list[Tensor], rows: list[Row]
) -> tuple[list[str], str, Undo]:
    """Initialise what the edit selects; return the keys changed, a sentence, and how to take it back.

    The values are copied into the tensors that are there: ties, strides, devices and dtypes stay. All of them are
    drawn before the first is copied. Raises RequestError where `preview` does.
    """
    call = parse_initialiser(edit.argument)
    plan, skipped = planned(model, edit, call, tensors, rows)
    done: list[tuple[Slot, list[torch.Tensor]]] = []
    for slot, drawn in plan:
        former = [value.detach().clone() for value in slot.stored]
        try:
            slot.assign(drawn)
        except Exception as problem:  # the user's own parametrization
            _restore(slot, former)
            skipped.append((slot.key, _refused_inverse(problem)))
            continue
        slot.refresh()
        done.append((slot, former))
    _some(done, skipped, edit)

    def undo() -> None:
        for slot, former in reversed(done):
            _restore(slot, former)

    number = sum(slot.like.numel() for slot, _ in done)
    message = f"initialised {_things(len(done), 'tensor')} ({_things(number, 'value')}) with {call}, seed {edit.seed}"
    if skipped:
        message += f"; left alone: {_reasons(skipped)}"
    return _keys(model, [value for slot, _ in done for value in slot.stored]), message, undo


def apply_set_element(model: nn.Module, edit: Edit, tensors: list[Tensor]) -> tuple[list[str], str, Undo]:
    """Set the element at ``edit.index`` of the tensor ``edit.where`` to the value written in ``edit.argument``.

    Raises RequestError where the key, the index or the value does not fit.
    """
    exact = [tensor for tensor in tensors if tensor.key == edit.where]
    selected = exact or select(parse_selector(edit.where), tensors, [])
    if len(selected) != 1:
        raise RequestError(f"{edit.where!r} means {len(selected)} tensors; an element is set in one, so give its key")
    key = selected[0].key
    tensor = {holding.key: holding.tensor for holding in holdings_of(places_of(model))}[key]
    reason = closed_because(tensor)
    if reason:
        raise RequestError(f"{key} cannot be changed: {reason}")
    index = _element(key, edit.index, tensor)
    new = torch.tensor(value_of(edit.argument, tensor.dtype, key), dtype=tensor.dtype, device=tensor.device)
    slots, _ = slots_of(model, selected)

    def put(value: torch.Tensor) -> None:
        with torch.no_grad():
            tensor[index].copy_(value)
        for slot in slots:
            slot.refresh()

    former = tensor.detach()[index].clone()
    put(new)
    place = f"[{', '.join(map(str, index))}]" if index else ""
    message = f"{key}{place} = {tensor[index].item()} (was {former.item()})"
    return _keys(model, [tensor]), message, lambda: put(former)


def planned(
    model: nn.Module, edit: Edit, call: InitialiserCall, tensors: list[Tensor], rows: list[Row]
) -> tuple[list[tuple[Slot, torch.Tensor]], Skipped]:
    """Each slot with its new values, and the keys left alone with the reason."""
    layer_default = call.name == "layer_default"
    selected = select(parse_selector(edit.where), tensors, rows, buffers=layer_default)
    slots, skipped = slots_of(model, selected)
    defaults = LayerDefaults(edit.seed)
    plan = []
    known = {tensor.key: tensor for tensor in tensors}
    for slot in slots:
        if _frozen(known[slot.key]) and not (edit.frozen or edit.where in known):
            skipped.append((slot.key, FROZEN))
            continue
        drawn = defaults.values(slot) if layer_default else _draw(slot, call, edit)
        if isinstance(drawn, str):
            skipped.append((slot.key, drawn))
        else:
            plan.append((slot, drawn))
    _some(plan, skipped, edit)
    return plan, skipped


def _frozen(tensor: Tensor) -> bool:
    floating = tensor.dtype.startswith(("float", "bfloat", "complex"))
    return tensor.kind == "parameter" and floating and not tensor.trainable


def _draw(slot: Slot, call: InitialiserCall, edit: Edit) -> torch.Tensor | str:
    """New values for a slot, or the reason why this initialiser does not suit it."""
    dtype, shape = slot.like.dtype, list(slot.like.shape)
    name = str(dtype).removeprefix("torch.")
    reason = refusal(call, shape)
    if reason:
        return reason
    if call.name == "lsuv" and slot.key not in (edit.scales or {}):
        return "lsuv scales the weight of a linear or convolution layer by the output it measures, and measured none"
    if not dtype.is_floating_point:
        if call.name not in FILLS:
            return f"{name} values: only constant_, ones_ and zeros_ fill them"
        value = call.value("val") if call.name == "constant_" else float(call.name == "ones_")
        if not dtype.is_complex and torch.tensor(value, dtype=torch.float64).to(dtype).item() != value:
            return f"{name} cannot hold {value:g}"
    double = dtype in (torch.float64, torch.complex128)
    seed = tensor_seed(edit.seed, slot.position)
    drawn = draw(call, shape, seed, double=double, layout=layout_of(slot), like=slot.like)
    if edit.scales is not None and slot.key in edit.scales:
        drawn.mul_(edit.scales[slot.key])
    if dtype.is_floating_point and not fits(drawn, dtype):
        return f"{name} cannot hold values this large"
    row = padding_row(slot)
    if row is not None:
        drawn[row] = 0
    return drawn


def padding_row(slot: Slot) -> int | None:
    """The row of an embedding that stands for padding and has to stay zero."""
    owner = slot.owner
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag) and slot.attribute == "weight":
        return owner.padding_idx
    return None


def _target(
    slot: Slot,
    call: InitialiserCall,
    edit: Edit,
    drawn: torch.Tensor,
    after: torch.Tensor,
    frozen: bool,
    follower: str | None,
) -> InitTarget:
    shape, layout = list(slot.like.shape), layout_of(slot)
    forward, backward = predicted_scale(shape, layout, mean_square(after))
    nonlinearity = nonlinearity_of(follower) if follower is not None else None
    counted, effective = fans(shape, layout), effective_fans(shape, layout)
    row = padding_row(slot)
    remarks = [
        f"as {source_of(slot)} draws it" if call.name == "layer_default" else explain(call, shape, layout),
        slot.note,
        "the parametrization turns the values drawn into others, shown under after"
        if slot.note and not torch.allclose(after.double(), drawn.to(after).double(), rtol=1e-3, atol=1e-6)
        else "",
        f"times {edit.scales[slot.key]:.5g}, as measured" if edit.scales and slot.key in edit.scales else "",
        "" if row is None else f"row {row} (padding_idx) stays 0",
        "frozen: requires_grad is False, but its values change" if frozen else "",
    ]
    return InitTarget(
        key=slot.key,
        shape=shape,
        dtype=str(slot.like.dtype).removeprefix("torch."),
        fan_in=counted[0] if counted else None,
        fan_out=counted[1] if counted else None,
        effective_fan_in=effective[0] if effective else None,
        effective_fan_out=effective[1] if effective else None,
        gain=gain_of(call),
        follows=follows(follower) if follower is not None and counted is not None else None,
        explanation="; ".join(remark for remark in remarks if remark),
        tied_to=slot.tied_to,
        before=statistics(slot.read()),
        after=statistics(after),
        forward=forward,
        backward=backward,
        behind=math.sqrt(second_moment(nonlinearity, forward)) if nonlinearity and forward is not None else None,
    )


def mean_square(values: torch.Tensor) -> float:
    """Of the elements of a tensor of numbers."""
    return float(values.detach().abs().double().square().mean())


def _restore(slot: Slot, former: list[torch.Tensor]) -> None:
    with torch.no_grad():
        for value, old in zip(slot.stored, former, strict=True):
            value.copy_(old)
    slot.refresh()


def _keys(model: nn.Module, changed: list[torch.Tensor]) -> list[str]:
    """Every key whose tensor is among those changed, ties included, in the order of the state_dict."""
    marks = {identity(value) for value in changed}
    return [holding.key for holding in holdings_of(places_of(model)) if identity(holding.tensor) in marks]


def _element(key: str, index: list[int], tensor: torch.Tensor) -> tuple[int, ...]:
    shape = list(tensor.shape)
    if len(index) != len(shape):
        raise RequestError(f"{key} has shape {shape}: give {len(shape)} indices, one an axis, not {len(index)}")
    for axis, (position, size) in enumerate(zip(index, shape, strict=True)):
        if not -size <= position < size:
            raise RequestError(f"{key} has shape {shape}: index {position} on axis {axis} is outside 0 to {size - 1}")
    return tuple(position % size for position, size in zip(index, shape, strict=True))


def _refused_inverse(problem: Exception) -> str:
    return f"its parametrization does not take the values: {type(problem).__name__}: {problem}"


def _some(found: Sequence[object], skipped: Skipped, edit: Edit) -> None:
    if not found:
        raise RequestError(f"{edit.argument} changes nothing in {edit.where!r}: {_reasons(skipped)}")


def _reasons(skipped: Skipped) -> str:
    shown = "; ".join(f"{key}: {reason}" for key, reason in _grouped(skipped))
    return shown or "no tensor is selected"


def _grouped(skipped: Skipped) -> Iterator[tuple[str, str]]:
    """One entry a reason, with the first keys it holds for."""
    keys: dict[str, list[str]] = {}
    for key, reason in skipped:
        keys.setdefault(reason, []).append(key)
    for reason, those in keys.items():
        yield ", ".join(those[:3]) + (f" and {len(those) - 3} more" if len(those) > 3 else ""), reason


def _things(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
