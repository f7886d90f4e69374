"""A real pass: every row measured, the outputs shown, gradients where they are asked for."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES
from inspector.core.results import OutputPreview, RowRun, Statistics, TensorGradient
from inspector.core.table import Failure, Tensor
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.recording import CallRecord, Recorder
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded
from inspector.engine.statistics import statistics

NO_GRADIENT = {
    "frozen": "frozen: requires_grad is False",
    "unreached": "no gradient reached it: it had no part in the output, or the way to it is cut",
    "not differentiable": "no output depends on any parameter in a differentiable way",
}
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
"""Functions whose result holds whatever the memory held before: its numbers say nothing and differ between runs."""


class Run:
    """What a real pass left."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.output: Any = None
        self.failure: Failure | None = None
        self.seconds: float | None = None
        self.gradients: list[TensorGradient] = []
        self.first_nonfinite: CallRecord | None = None
        """The first call to finish with NaN or Inf in its output."""
        self.statistics: dict[int, Statistics] = {}
        self.gradient_norms: dict[int, float] = {}

    def row_run(self, call: CallRecord | None) -> RowRun:
        """The measurements of one row."""
        if call is None or call.seconds is None:
            return RowRun()
        return RowRun(
            seconds=call.seconds,
            self_seconds=max(0.0, call.seconds - call.nested_seconds),
            output_bytes=call.output_bytes,
            statistics=self.statistics.get(id(call)),
            gradient_norm=self.gradient_norms.get(id(call)),
        )


def run_forward(
    model: nn.Module,
    arguments: Arguments,
    seed: int,
    backward: bool,
    tensors: list[Tensor],
    progress: Progress,
    calls: int | None,
) -> Run:
    """Run `model` once and measure it; buffers, gradients, modes and random state are as before afterwards.

    `calls` is how many calls the last pass made, for the progress report.
    """
    run = Run(Recorder(model))
    done = 0

    def measure(call: CallRecord, output: Any) -> None:
        nonlocal done
        done += 1
        progress(done, calls, f"after {call.path or 'model'} {call.type}")
        first = next(tensors_in(output), None)
        if first is None or first.is_meta or (call.is_function and call.type.rpartition(".")[2] in UNINITIALISED):
            return
        found = statistics(first.detach(), channels=True, sampled=True)
        run.statistics[id(call)] = found
        if (found.nan or found.inf) and run.first_nonfinite is None and not call.failed:
            run.first_nonfinite = call
        if backward and first.requires_grad and first.is_floating_point():
            first.register_hook(_norm_into(run, call))

    run.recorder = Recorder(model, FieldTracker, formula_of, measure)
    grad = nullcontext() if backward else torch.no_grad()
    with untouched(model, values=True), seeded(seed), grad:
        try:
            began = time.perf_counter()
            with run.recorder:
                run.output = call_model(model, arguments)
            run.seconds = run.recorder.root.seconds if run.recorder.root else time.perf_counter() - began
        except NO_FAILURES:
            raise
        except BaseException as problem:
            run.failure = describe_failure(problem, model, run.recorder)
        if backward and run.failure is None:
            progress(done, calls, "backward")
            run.gradients = _gradients(model, run.output, tensors, seed)
    return run


def _norm_into(run: Run, call: CallRecord) -> Callable[[torch.Tensor], None]:
    def hook(gradient: torch.Tensor) -> None:
        run.gradient_norms[id(call)] = float(gradient.detach().float().norm())

    return hook


def _gradients(model: nn.Module, output: Any, tensors: list[Tensor], seed: int) -> list[TensorGradient]:
    """Gradients of the objective for all parameters, tied ones at each place."""
    objective = objective_of(output, seed)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for parameter in parameters.values():
        parameter.grad = None
    if objective is not None:
        objective.backward()
    found = []
    for row in tensors:
        if row.key not in parameters:
            continue
        parameter = parameters[row.key]
        note = None
        if not parameter.requires_grad:
            note = NO_GRADIENT["frozen"]
        elif objective is None:
            note = NO_GRADIENT["not differentiable"]
        elif parameter.grad is None:
            note = NO_GRADIENT["unreached"]
        gradient = statistics(parameter.grad.detach()) if note is None and parameter.grad is not None else None
        found.append(TensorGradient(key=row.key, gradient=gradient, gradient_note=note))
    return found


def previews(output: Any) -> list[OutputPreview]:
    """The tensors of an output as torch prints them."""
    return [
        OutputPreview(
            name=name,
            shape=list(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            text=_printed(tensor),
            statistics=None if tensor.is_meta else statistics(tensor.detach()),
        )
        for name, tensor in named_tensors(output, "output")
    ]


def named_tensors(value: Any, name: str) -> list[tuple[str, torch.Tensor]]:
    """The tensors of a nested value, each with the Python expression that reaches it from `name`."""
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if isinstance(value, dict):
        return [pair for key, part in value.items() for pair in named_tensors(part, f"{name}[{key!r}]")]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [pair for key in value._fields for pair in named_tensors(getattr(value, key), f"{name}.{key}")]
    if isinstance(value, list | tuple):
        return [pair for at, part in enumerate(value) for pair in named_tensors(part, f"{name}[{at}]")]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        fields = value.__dataclass_fields__
        return [pair for key in fields for pair in named_tensors(getattr(value, key, None), f"{name}.{key}")]
    return []


def _printed(tensor: torch.Tensor) -> str:
    try:
        return str(tensor.detach())
    except Exception as problem:
        return f"({type(problem).__name__} while printing)"
