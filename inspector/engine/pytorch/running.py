"""A real pass: every row measured, the outputs shown, gradients where they are asked for."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from statistics import median
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES
from inspector.core.results import PART_OF_DISTRIBUTED, OutputPreview, RowRun, Statistics, TensorGradient
from inspector.core.table import Failure
from inspector.engine.gathering import Gathering
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.calls import CallRecord, FinishedCalls, Key
from inspector.engine.pytorch.distribution import distribution_of, local_part
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.field_calls import FieldTracker, formula_of
from inspector.engine.pytorch.nested import named_tensors, tensors_in
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.recording import Measure, Recorder
from inspector.engine.pytorch.timing import Timed
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded
from inspector.engine.saturating import bounds_of
from inspector.engine.statistics import known, plain, statistics

NO_GRADIENT = {
    "frozen": "frozen: requires_grad is False",
    "unreached": "no gradient reached it: it had no part in the output, or the way to it is cut",
    "not differentiable": "no output depends on any parameter in a differentiable way",
}
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
"""Functions whose result holds whatever the memory held before: its numbers say nothing and differ between runs."""


class Run:
    """What a real pass left, or several, one after another."""

    def __init__(self, recorder: Recorder, passes: int) -> None:
        self.recorder = recorder
        """Of the first pass."""
        self.output: Any = None
        """Of the first pass."""
        self.passes = 0
        """Those begun: it ends at the first that fails."""
        self.failure: Failure | None = None
        self.backward_problem: Exception | None = None
        """What the backward pass raised."""
        self.seconds: float | None = None
        self.gradients: list[TensorGradient] = []
        self.first_nonfinite: CallRecord | None = None
        """The first call to finish with NaN or Inf in its output."""
        self._gathering = Gathering[Key](passes)
        self._keys: dict[int, Key] = {}
        """By the identity of a call of the first pass."""
        self._calls: dict[Key, CallRecord] = {}
        self._seconds = defaultdict[Key, list[tuple[float, float]]](list)
        self._norms = defaultdict[Key, list[torch.Tensor]](list)
        self._statistics: dict[Key, Statistics] = {}

    def row_run(self, call: CallRecord | None, saved_bytes: int | None) -> RowRun:
        """The measurements of one row."""
        key = self._keys.get(id(call))
        if call is None or key is None or call.seconds is None:
            return RowRun()
        seconds, own = zip(*self._seconds[key], strict=True) if self._seconds[key] else ((), ())
        return RowRun(
            seconds=median(seconds) if seconds else None,
            self_seconds=median(own) if own else None,
            output_bytes=call.output_bytes,
            saved_bytes=saved_bytes,
            statistics=self._statistics.get(key),
            gradient_norm=_root_mean_square(self._norms[key]) if key in self._norms else None,
        )

    def measuring(self, backward: bool, report: Callable[[CallRecord], None]) -> Measure:
        """Takes the calls of one pass as they finish."""
        is_first = not self._calls
        numbers = FinishedCalls()

        def measure(call: CallRecord, output: Any) -> None:
            report(call)
            key = numbers.key(call)
            if is_first:
                self._keys[id(call)], self._calls[key] = key, call
            if call.seconds is not None:
                self._seconds[key].append((call.seconds, max(0.0, call.seconds - call.nested_seconds)))
            first = next(tensors_in(output), None)
            if first is None or first.is_meta or (call.is_function and call.type.rpartition(".")[2] in UNINITIALISED):
                return
            self._gathering.take(key, local_part(first), bounds_of(call.type, call.module))
            if backward and first.requires_grad and first.is_floating_point():
                first.register_hook(
                    lambda gradient: self._norms[key].append(local_part(gradient.detach()).float().norm())
                )

        return measure

    def take_times(self, timed: Timed) -> None:
        """Tell the times of passes that were run for them."""
        self.seconds = timed.timing.bare_seconds
        self._seconds = defaultdict(list, timed.rows)

    def finish(self) -> None:
        """Work out what was gathered."""
        self._statistics = self._gathering.statistics()
        calls = ((self._calls.get(key), found) for key, found in self._statistics.items())
        bad = (call for call, found in calls if call is not None and not call.failed and (found.nan or found.inf))
        self.first_nonfinite = next(bad, None)


def run_forward(
    model: nn.Module,
    drawn: Iterable[tuple[Arguments, int]],
    batches: int,
    backward: bool,
    progress: Progress,
    calls: int | None,
) -> Run:
    """Run `model` on the arguments of each batch, with its seed, and measure it; buffers, gradients, modes and random
    state are as before afterwards.

    `calls` is how many calls the last pass made, for the progress report.
    """
    run = Run(Recorder(model), batches)
    gradients = Gradients(model, batches)
    total = calls * batches if calls else None
    seconds, done = [], 0

    def report(call: CallRecord) -> None:
        nonlocal done
        done += 1
        progress(done, total, f"after {call.path or 'model'} {call.type}")

    for number, (arguments, seed) in enumerate(drawn):
        measure = run.measuring(backward, report)
        recorder = Recorder(model, measure=measure) if number else Recorder(model, FieldTracker, formula_of, measure)
        run.recorder = run.recorder if number else recorder
        run.passes = number + 1
        grad = nullcontext() if backward else torch.no_grad()
        with untouched(model, values=True), seeded(seed), grad:
            try:
                began = time.perf_counter()
                with recorder:
                    output = call_model(model, arguments)
                seconds.append(recorder.root.seconds or 0.0 if recorder.root else time.perf_counter() - began)
            except NO_FAILURES:
                raise
            except BaseException as problem:
                run.failure = describe_failure(problem, model, recorder)
                break
            run.output = run.output if number else output
            if backward:
                progress(done, total, "backward")
                try:
                    gradients.backward(output, seed)
                except NO_FAILURES:
                    raise
                except Exception as problem:
                    run.backward_problem = problem
                    break
            del output
    run.seconds = median(seconds) if seconds else None
    run.finish()
    went_back = backward and run.failure is None and run.backward_problem is None
    run.gradients = gradients.found() if went_back else []
    return run


class Gradients:
    """Those of the objective for all parameters, tied ones at each place."""

    def __init__(self, model: nn.Module, passes: int) -> None:
        self._parameters = dict(model.named_parameters(remove_duplicate=False))
        self._gathering = Gathering[str](passes)
        self._norms = defaultdict[str, list[torch.Tensor]](list)
        self._differentiable = False

    def backward(self, output: Any, seed: int) -> None:
        """From the output of one pass."""
        for parameter in self._parameters.values():
            parameter.grad = None
        objective = objective_of(output, seed)
        if objective is None:
            return
        self._differentiable = True
        objective.backward()
        for key in self._parameters:
            whole = self._parameters[key].grad
            if whole is not None:
                gradient = local_part(whole)
                self._gathering.take(key, gradient)
                self._norms[key].append(_norm(gradient))

    def found(self) -> list[TensorGradient]:
        """Over all passes."""
        statistics = self._gathering.statistics()
        return [self._told(key, parameter, statistics.get(key)) for key, parameter in self._parameters.items()]

    def _told(self, key: str, parameter: torch.Tensor, statistics: Statistics | None) -> TensorGradient:
        part = local_part(parameter)
        length = float(_norm(part))
        gradient = _root_mean_square(self._norms[key]) if self._norms[key] else None
        return TensorGradient(
            key=key,
            gradient=statistics,
            gradient_ratio=known(gradient / length) if gradient is not None and length else None,
            gradient_note=self._note(key),
            weight_rms=known(length / math.sqrt(part.numel())) if part.numel() else None,
        )

    def _note(self, key: str) -> str | None:
        if not self._parameters[key].requires_grad:
            return NO_GRADIENT["frozen"]
        if not self._differentiable:
            return NO_GRADIENT["not differentiable"]
        if not self._norms[key]:
            return NO_GRADIENT["unreached"]
        return None if distribution_of(self._parameters[key]) is None else PART_OF_DISTRIBUTED


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    values = plain(tensor)
    return torch.tensor(0.0) if values is None else torch.linalg.vector_norm(values.detach().double())


def _root_mean_square(norms: list[torch.Tensor]) -> float | None:
    return known(math.hypot(*map(float, norms)) / math.sqrt(len(norms)))


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


def _printed(tensor: torch.Tensor) -> str:
    try:
        return str(tensor.detach())
    except Exception as problem:
        return f"({type(problem).__name__} while printing)"
