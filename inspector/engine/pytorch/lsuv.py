"""Layer-sequential unit-variance initialisation: which factor each layer's orthogonal draw needs, by passes.

Mishkin and Matas, "All you need is a good init" (2015): in order of execution each weight is divided by the standard
deviation of what its layer puts out, until that is the one wanted.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from msgspec import structs
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.initialisers import InitialiserCall, parse_initialiser
from inspector.core.table import Row, Tensor
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.editing import apply_initialise, planned
from inspector.engine.pytorch.experiments.batches import passed, unmeasured
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.scale_trial import larger_arguments
from inspector.engine.pytorch.shape_pass import has_lazy
from inspector.engine.pytorch.slots import Slot

_LAYERS = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
_NO_EFFECT = 1e-6
"""Relative change of an output below which scaling the weight does nothing to it: a normalised weight."""


def with_scales(edit: Edit, subject: Subject, tensors: list[Tensor], rows: list[Row]) -> Edit:
    """The edit with the factors that lsuv asks for; any other edit as it is. The model is as before at the end.

    Raises RequestError where the model cannot be run, or no layer that is selected can be scaled.
    """
    call = parse_initialiser(edit.argument)
    if call.name != "lsuv":
        return edit
    if has_lazy(subject.module):
        raise RequestError("lsuv measures passes, and some tensors have no shape yet; run a pass first")
    start = structs.replace(edit, argument="orthogonal_")
    plan, _ = planned(subject.module, start, parse_initialiser("orthogonal_"), tensors, rows)
    wanted = {id(slot.owner): slot for slot, _ in plan if isinstance(slot.owner, _LAYERS)}
    _, _, undo = apply_initialise(subject.module, start, tensors, rows)
    try:
        arguments = larger_arguments(subject)[0]
        scales: dict[str, float] = {}
        for number, slot in enumerate(ordered := _in_order(subject, arguments, wanted)):
            subject.progress(number, len(ordered), f"scaling {slot.key}")
            scales[slot.key] = _factor(subject, arguments, slot, call)
    finally:
        undo()
    return structs.replace(edit, scales=scales)


def _in_order(subject: Subject, arguments: Arguments, wanted: dict[int, Slot]) -> list[Slot]:
    """The slots in the order in which a pass first calls their layers; without those that it does not reach."""
    order: dict[int, Slot] = {}

    def note(module: nn.Module, _args: Any, _output: Any) -> None:
        order.setdefault(id(module), wanted[id(module)])

    handles = [slot.owner.register_forward_hook(note) for slot in wanted.values()]
    try:
        passed(lambda: subject.run(arguments, training=unmeasured))
    finally:
        for handle in handles:
            handle.remove()
    return list(order.values())


def _factor(subject: Subject, arguments: Arguments, slot: Slot, call: InitialiserCall) -> float:
    """By what to multiply the weight that the slot holds now; 1 where that changes nothing."""
    wanted, tolerance = call.value("std"), call.value("tolerance")
    drawn = slot.read().clone()
    factor, last = 1.0, math.inf
    for _ in range(int(call.value("iterations"))):
        std = _output_std(subject, arguments, slot)
        if not math.isfinite(std) or std == 0 or abs(std - last) <= _NO_EFFECT * std:
            slot.assign(drawn)
            slot.refresh()
            return 1.0
        if abs(std - wanted) < tolerance:
            break
        factor, last = factor * wanted / std, std
        slot.assign(drawn * factor)
        slot.refresh()
    return factor


def _output_std(subject: Subject, arguments: Arguments, slot: Slot) -> float:
    """The standard deviation of what the layer puts out, over all elements of its first call."""
    found: list[float] = []

    def measure(_module: nn.Module, _args: Any, output: Any) -> None:
        made = next((one for one in tensors_in(output) if one.is_floating_point()), None)
        found.append(math.nan if made is None else float(made.detach().double().std(unbiased=False)))
        raise _Measured

    handle = slot.owner.register_forward_hook(measure)
    try:
        with _until_measured():
            subject.run(arguments, training=unmeasured)
    finally:
        handle.remove()
    return found[0] if found else math.nan


class _Measured(Exception):  # noqa: N818  # no error: it ends the pass
    """Enough of the pass was run."""


@contextmanager
def _until_measured() -> Iterator[None]:
    try:
        with torch.no_grad():
            yield
    except _Measured:
        pass
