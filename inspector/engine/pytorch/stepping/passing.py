"""A pass in a thread of its own, which waits at stops while the worker answers other requests."""

import contextvars
import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from inspector.core.breakpoints import Breakpoint
from inspector.core.errors import NO_FAILURES, RequestCancelledError, RequestError
from inspector.core.output_changes import OutputChange
from inspector.core.stops import StepCommand, StepReport, Stop
from inspector.core.table import Failure
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model, looked_through
from inspector.engine.pytorch.calls import CallRecord, made_by
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.running import previews
from inspector.engine.pytorch.stepping.frames import frames_of
from inspector.engine.pytorch.stepping.stepper import Here, PassEndedError, Plan, Stepper
from inspector.engine.pytorch.stepping.stopping import StopWriter
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.random_state import seeded

T = TypeVar("T")
Work = Callable[[Here], Any]
"""What the pass is asked to do while it waits; None in its place: to go on."""


class SteppedPass:
    """One pass. Everything of the model's is done in its thread: gradient and function modes belong to a thread."""

    def __init__(self, model: nn.Module, arguments: Arguments, seed: int, plan: Plan, calls: int | None) -> None:
        self.here: Here | None = None
        """Where it waits."""
        self._model = model
        self._arguments = arguments
        self._seed = seed
        self._plan = plan
        self._calls = calls
        self._stepper: Stepper | None = None
        self._failure: Failure | None = None
        self._asked: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._busy_for_request = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run, _default_device()), daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether the model is as it was before."""
        return not self._thread.is_alive()

    @property
    def changes(self) -> list[str]:
        """All that were made."""
        return self._stepper.changes if self._stepper is not None else []

    def start(self) -> Here | StepReport:
        """Go to the first stop; the report where the pass ends before one."""
        self._thread.start()
        return self._next()

    def go(self, command: StepCommand, breakpoints: list[Breakpoint] | None, progress: Progress) -> Here | StepReport:
        """Go to the next stop; the report where the pass ends before one."""
        self._plan.command = command
        self._plan.progress = progress
        if breakpoints is not None:
            self._plan.breakpoints = breakpoints
        if command == "end" and self._stepper is not None:
            self._stepper.leaving = True
        self.here = None
        self._asked.put(None)
        return self._next()

    def do(self, work: Callable[[Here], T]) -> T:
        """Do something in the thread of the pass, which waits; raises what it raises."""
        self._busy_for_request = True
        self._asked.put(work)
        try:
            answer = self._answer()
        finally:
            self._busy_for_request = False
        if isinstance(answer, BaseException):
            raise answer
        found: T = answer
        return found

    def change(self, change: OutputChange) -> None:
        """Change what the row puts out where the pass waits. Raises RequestError."""
        if self._failure is not None:
            raise RequestError("forward has failed here: there is no output to change; start again")
        stepper = self._stepper
        assert stepper is not None
        self.do(lambda here: stepper.change(here, change))

    @property
    def failure(self) -> Failure | None:
        """Where forward failed, while the pass waits there."""
        return self._failure

    def _next(self) -> Here | StepReport:
        answer = self._answer()
        if isinstance(answer, Here):
            self.here = answer
            return answer
        self._thread.join()
        self._plan.other = None
        problem = self._stepper.problem if self._stepper is not None else None
        if isinstance(answer, BaseException) or problem is not None:
            raise problem or answer
        report: StepReport = answer
        return report

    def _answer(self) -> Any:
        try:
            return self._answered.get()
        except KeyboardInterrupt:
            # It reaches this thread alone. What is evaluated stops, a pass that runs ends.
            if not self._busy_for_request and self._stepper is not None:
                self._stepper.leaving = True
            _interrupt(self._thread, KeyboardInterrupt)
            answer = self._answered.get()
            # Where the answer was on its way already, the interrupt is not for what is asked next.
            _interrupt(self._thread, None)
            if isinstance(answer, Here):
                self.go("end", None, self._plan.progress)
            raise

    # In the thread of the pass

    def _run(self, device: torch.device | None) -> None:
        try:
            if device is not None:
                torch.set_default_device(device)
            self._answered.put(self._pass())
        except BaseException as problem:
            self._answered.put(problem)

    def _pass(self) -> StepReport:
        model = self._model
        stepper = self._stepper = Stepper(model, self._plan, self._calls, self._wait)
        recorder = Recorder(model, stepper=stepper)
        with untouched(model, values=True) as modules, looked_through(modules), seeded(self._seed), torch.no_grad():
            try:
                with recorder:
                    output = call_model(model, self._arguments)
            except PassEndedError:
                return self._left()
            except NO_FAILURES:
                raise
            except BaseException as problem:
                return self._left() if stepper.leaving else self._failed(problem, recorder, stepper)
            if stepper.leaving:
                # The model caught what should have ended it.
                return self._left()
            return StepReport(state="finished", outputs=previews(output), changes=stepper.changes)

    def _left(self) -> StepReport:
        return StepReport(state="left", changes=self.changes)

    def _failed(self, problem: BaseException, recorder: Recorder, stepper: Stepper) -> StepReport:
        """Wait where forward failed, with all that was there; then the pass is over."""
        here = _where_failed(problem, recorder, stepper)
        failure = self._failure = describe_failure(problem, self._model, recorder)
        self._wait(here)
        return StepReport(state="failed", failure=failure, changes=stepper.changes)

    def _wait(self, here: Here) -> None:
        self._answered.put(here)
        while (work := self._asked.get()) is not None:
            try:
                self._answered.put(work(here))
            except KeyboardInterrupt:
                self._answered.put(RequestCancelledError("cancelled"))
            except Exception as problem:
                self._answered.put(problem)
        here.frames = []


def written(stepped: SteppedPass, writer: StopWriter, number: int) -> Stop:
    """The stop at which a pass waits; its numbers are worked out in its thread."""
    return stepped.do(lambda here: writer.written(here, number, stepped.failure))


def _where_failed(problem: BaseException, recorder: Recorder, stepper: Stepper) -> Here:
    frames = frames_of(problem.__traceback__)
    call = recorder.failed or recorder.root
    if call is None:
        # Not even the model's own hooks let it begin.
        call = CallRecord("", type(recorder.model).__name__, recorder.model, ())
    args, kwargs = recorder.given.get(id(call.module), ((), {}))
    if call.is_function and recorder.failed_call is not None:
        args, kwargs = recorder.failed_call.args, recorder.failed_call.kwargs
    number, depth = stepper.numbers.of(call), _depth_of(call, recorder.root)
    return Here(call, number, "after", depth, tuple(args), kwargs, frames=frames, why="failure")


def _depth_of(call: CallRecord, root: CallRecord | None) -> int:
    level, depth = [root] if root is not None else [], 0
    while level:
        if any(one is call for one in level):
            return depth
        level, depth = [below for one in level for below in made_by(one)], depth + 1
    return 0


def _interrupt(thread: threading.Thread, problem: type[BaseException] | None) -> None:
    """What ctrl-c does to the main thread, for another one: raised when it next comes to Python. None: not any more."""
    raised = None if problem is None else ctypes.py_object(problem)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), raised)


def _default_device() -> torch.device | None:
    """The device that the model's file chose for new tensors: each thread has its own."""
    device = torch.get_default_device()
    return None if device.type == "cpu" else device
