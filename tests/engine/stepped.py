"""Passes that wait, for tests: with the tensors themselves, not only their numbers."""

import copy
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from live_models import silent
from torch import nn

from inspector.core.breakpoints import parse_breakpoint
from inspector.core.output_changes import parse_row_change
from inspector.engine.pytorch.stepping.passing import SteppedPass
from inspector.engine.pytorch.stepping.stepper import Here, Plan


def stepping(model: nn.Module, *args: Any, command="row", breakpoints=(), changes=(), seed=0) -> SteppedPass:
    """A pass before its start."""
    points, row_changes = list(map(parse_breakpoint, breakpoints)), list(map(parse_row_change, changes))
    return SteppedPass(model, (list(args), {}), seed, Plan(command, points, row_changes, None, silent), None)


def stops_of(stepped: SteppedPass, command="row", work=lambda here: None) -> Iterator[tuple[str, Any]]:
    """Every stop by its moment and row, with what `work` finds there."""
    answer = stepped.start()
    try:
        while isinstance(answer, Here):
            name = answer.call.path + (f" {answer.call.type}" if answer.call.is_function else "")
            yield f"{answer.moment} {name} {answer.number}", stepped.do(work)
            answer = stepped.go(command, None, silent)
    finally:
        # Who looks at the first stop alone leaves none waiting.
        if not stepped.is_over:
            stepped.go("end", None, silent)


def output_at(here: Here) -> Any:
    """A copy of what the row put out."""
    return copy.deepcopy(here.output)


@contextmanager
def seeded_as_a_pass(seed: int = 0) -> Iterator[None]:
    """Random numbers as a pass draws them, and no gradients."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        random.seed(seed)
        yield


def hooked(model: nn.Module, *args: Any) -> dict[str, Any]:
    """What every module puts out when nothing waits, by the name that `stops_of` gives; by torch's own hooks."""
    found: dict[str, Any] = {}
    numbers: Counter[str] = Counter()
    begun: list[int] = []
    handles = []
    for path, module in model.named_modules():

        def before(_module: nn.Module, _args: Any, path: str = path) -> None:
            begun.append(numbers[path])
            numbers[path] += 1

        def after(_module: nn.Module, _args: Any, output: Any, path: str = path) -> None:
            number = begun.pop()
            if output is not None or sys.exc_info()[0] is None:
                found[f"after {path} {number}"] = copy.deepcopy(output)

        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after, always_call=True)]
    try:
        with seeded_as_a_pass():
            model(*args)
    finally:
        for handle in handles:
            handle.remove()
    return found
