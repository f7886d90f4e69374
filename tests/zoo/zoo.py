"""Awkward networks, each a trap that some tool has fallen into, and what really happens when they run.

`ZOO` holds them by name. `executed` is the oracle: plain forward hooks around a real run, no fake tensors, no
tracing.
"""

from collections import Counter
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
import zoo_control
import zoo_geometry
import zoo_names
import zoo_outputs
import zoo_sequences
import zoo_sharing
import zoo_wrappers
from torch import nn
from zoo_specimen import REGISTERED, Specimen

FAMILIES = (zoo_control, zoo_geometry, zoo_names, zoo_outputs, zoo_sequences, zoo_sharing, zoo_wrappers)
ZOO: dict[str, Specimen] = REGISTERED


Shapes = list[list[int]]


@dataclass(frozen=True)
class Call:
    """One call of a module."""

    path: str
    """The module's name in ``named_modules()``."""
    call: int
    """0 for the module's first call."""
    place: str
    """Where its caller has it, if it is registered in several places."""
    output_shapes: Shapes
    """Empty where the call returned no tensor, or raised an exception."""


@dataclass(frozen=True)
class Execution:
    """All calls of modules in a run, in the order in which they began, and the exception that ended it."""

    calls: list[Call]
    error: BaseException | None

    def rows(self) -> dict[tuple[str, int], Shapes]:
        """Output shapes as the table should have them, by path and call, where there are any.

        A module's calls stand at its path; each of its other places shows the first call that was made there.
        """
        shown = {(call.path, call.call): call.output_shapes for call in self.calls}
        for call in self.calls:
            shown.setdefault((call.place, 0), call.output_shapes)
        return {row: shapes for row, shapes in shown.items() if shapes}


def executed(model: nn.Module, *arguments: Any) -> Execution:
    """Run the model with hooks on every module.

    The place of a module registered several times is the one nearest below its caller; where the caller has it under
    several names, as a `Sequential` that repeats a layer, these are taken in turn.
    """
    places: dict[nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        places.setdefault(module, []).append(path)
    calls: list[Call] = []
    running: list[int] = []
    turns: list[Counter[nn.Module]] = [Counter()]
    count: Counter[nn.Module] = Counter()

    def place(module: nn.Module) -> str:
        caller = calls[running[-1]].place if running else ""
        inside = [path for path in places[module] if path.startswith(f"{caller}." if caller else "")]
        depth = min((path.count(".") for path in inside), default=0)
        nearest = [path for path in inside if path.count(".") == depth] or places[module]
        turns[-1][module] += 1
        return nearest[(turns[-1][module] - 1) % len(nearest)]

    def before(module: nn.Module, _: Any) -> None:
        call = Call(places[module][0], count[module], place(module), [])
        count[module] += 1
        running.append(len(calls))
        turns.append(Counter())
        calls.append(call)

    def after(_: nn.Module, __: Any, output: Any) -> None:
        index = running.pop()
        turns.pop()
        calls[index] = replace(calls[index], output_shapes=shapes_in(output))

    handles = []
    for module in places:
        handles.append(module.register_forward_pre_hook(before))
        # Called after an exception too, with None as the output.
        handles.append(module.register_forward_hook(after, always_call=True))
    error: BaseException | None = None
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model(*arguments)
    except Exception as caught:
        error = caught
    finally:
        for handle in handles:
            handle.remove()
    return Execution(calls, error)


def shapes_in(output: Any) -> Shapes:
    """Shapes of the tensors in an output, however nested."""
    if isinstance(output, torch.Tensor):
        return [list(output.shape)]
    if isinstance(output, dict):
        output = list(output.values())
    elif is_dataclass(output):
        output = [getattr(output, field.name) for field in fields(output)]
    if isinstance(output, (list, tuple)):
        return [shape for part in output for shape in shapes_in(part)]
    return []


def distinct_elements(model: nn.Module) -> int:
    """Elements of all parameters, those of a shared one once."""
    every = [parameter for _, parameter in model.named_parameters(remove_duplicate=False)]
    return sum({id(parameter): parameter.numel() for parameter in every}.values())
