"""Passes that are run for their times alone: bare ones, and ones in which nothing but the clock is read."""

import sys
import time
from collections.abc import Callable
from statistics import median
from types import FrameType
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.results import Timing
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.calls import CallRecord, FinishedCalls, Key
from inspector.engine.pytorch.dispatch_modes import UncompiledDispatchMode
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.recording import Measure, Recorder
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded

_FUSED = ("_transformer_encoder_layer_fwd", "_native_multi_head_attention")
"""Operations of torch that take the place of whole modules; as soon as a hook is on one of these, they step aside."""


class Timed:
    """What the passes took."""

    def __init__(self, timing: Timing, rows: dict[Key, list[tuple[float, float]]]) -> None:
        self.timing = timing
        self.rows = rows
        """Of each call its time and that without its callees', pass by pass."""


def timed_passes(
    model: nn.Module, draw: Callable[[], Arguments], seed: int, passes: int, progress: Callable[[int], None]
) -> Timed:
    """Run `model` that many times bare and that many times with a clock at each call, in turn, after one to warm up.

    Raises RequestError where one of these passes fails: the model does not run twice alike.
    """
    try:
        return _timed(model, draw, seed, passes, progress)
    except NO_FAILURES:
        raise
    except Exception as problem:
        raise RequestError(
            f"a pass for times fails where the one before it ran: {type(problem).__name__}: {first_line(problem)}; "
            "leave out --timed"
        ) from problem


def _timed(
    model: nn.Module, draw: Callable[[], Arguments], seed: int, passes: int, progress: Callable[[int], None]
) -> Timed:
    clock = clock_of(model)
    fused = _FusedCalls(model)
    bare: list[float] = []
    rows: dict[Key, list[tuple[float, float]]] = {}
    with torch.no_grad():
        with untouched(model, values=True), seeded(seed), fused:
            call_model(model, draw())
        for number in range(passes):
            progress(number)
            with untouched(model, values=True), seeded(seed):
                arguments = draw()
                began = clock()
                call_model(model, arguments)
                bare.append(clock() - began)
            with untouched(model, values=True), seeded(seed):
                arguments = draw()
                with Recorder(model, measure=_noting(rows), clock=clock):
                    call_model(model, arguments)
    spread = (max(bare) - min(bare)) / median(bare)
    return Timed(Timing(passes=passes, bare_seconds=median(bare), spread=spread, fused=fused.paths), rows)


def clock_of(model: nn.Module) -> Callable[[], float]:
    """Tells the seconds; where the model is on a GPU, once that has finished what it was given."""
    if any(tensor.is_cuda for tensor in model.parameters()):
        return _cuda_clock
    return time.perf_counter


def _cuda_clock() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


def _noting(rows: dict[Key, list[tuple[float, float]]]) -> Measure:
    """Takes the times of one pass."""
    numbers = FinishedCalls()

    def note(call: CallRecord, output: Any) -> None:
        key = numbers.key(call)
        if call.seconds is not None:
            rows.setdefault(key, []).append((call.seconds, max(0.0, call.seconds - call.nested_seconds)))

    return note


class _FusedCalls(UncompiledDispatchMode):
    """Finds the modules that one operation takes the place of, by whose forward calls it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._names: dict[int, str] = {id(module): name for name, module in model.named_modules()}
        self.paths: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in _FUSED:
            path = self._caller(sys._getframe(1))
            if path is not None and path not in self.paths:
                self.paths.append(path)
        return func(*args, **(kwargs or {}))

    def _caller(self, frame: FrameType | None) -> str | None:
        while frame is not None:
            held = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
            if id(held) in self._names:
                return self._names[id(held)]
            frame = frame.f_back
        return None
