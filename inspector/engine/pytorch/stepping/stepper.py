"""Takes part in a pass: decides at each call whether to wait there, and makes the changes that were asked for."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from inspector.core.breakpoints import Breakpoint
from inspector.core.errors import RequestError
from inspector.core.output_changes import OutputChange, RowChange
from inspector.core.stop_wording import row_name
from inspector.core.stops import Moment, Reason, StepCommand, StopRow
from inspector.engine.live import Progress
from inspector.engine.measured import MeasuredTensor
from inspector.engine.pytorch.calls import CallRecord, is_torch_leaf
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.repeated_calls import is_transforming
from inspector.engine.pytorch.stepping.call_numbers import CallNumbers, RowKey, key_of
from inspector.engine.pytorch.stepping.changing import changed_output, write_into, written_into
from inspector.engine.pytorch.stepping.evaluating import evaluated
from inspector.engine.pytorch.stepping.frames import Running, frames_from
from inspector.engine.pytorch.stepping.other_run import output_in


class PassEndedError(BaseException):
    """Raised inside the model's forward to leave it. Models that catch Exception do not catch it."""


@dataclass
class Here:
    """A moment of a pass: before or after a call."""

    call: CallRecord
    number: int
    """Which call of its row, from 0."""
    moment: Moment
    depth: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any = None
    frames: list[Running] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    why: Reason = "step"
    breakpoint: str = ""

    def names(self) -> dict[str, Any]:
        """What expressions may name besides the frame's own variables."""
        return {"output": self.output, "args": self.args, "kwargs": self.kwargs, "module": self.call.module}


ROOM = 500
"""Calls in each other that looking at a stop takes, at most."""


@dataclass
class Plan:
    """Where to go, and what holds on the way; changed while the pass waits."""

    command: StepCommand
    breakpoints: list[Breakpoint]
    changes: list[RowChange]
    other: dict[RowKey, Any] | None
    """What the rows put out in another run, where there was one."""
    progress: Progress
    depth: int = 0
    """Where the pass waited last."""


class Stepper:
    """See `inspector.engine.pytorch.recording.Stepper`. `wait` is called at each stop, and returns to go on."""

    def __init__(self, model: nn.Module, plan: Plan, calls: int | None, wait: Callable[[Here], None]) -> None:
        self.plan = plan
        self.leaving = False
        """Whether the pass is to end where it is next asked."""
        self.problem: Exception | None = None
        """Why it was left, where nobody asked for that."""
        self.changes: list[str] = []
        self.numbers = CallNumbers()
        self._model = model
        self._calls = calls
        self._wait = wait
        self._done = 0
        self._thread = threading.get_ident()

    def before(
        self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Wait before a call where that is wanted; the arguments, which may have been changed."""
        number = self.numbers.begin(call)
        if not self._takes_part():
            return args, kwargs
        here = Here(call, number, "before", depth, args, kwargs)
        self._visit(here, sys._getframe(1))
        return here.args, here.kwargs

    def after(self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Change the output of a call and wait after it where that is wanted; the output to go on with."""
        number = self.numbers.end(call)
        if not self._takes_part():
            return output
        target = written_into(call, args, output)
        here = Here(call, number, "after", depth, args, kwargs, output if target is None else target)
        self._visit(here, sys._getframe(1))
        return output if target is not None else here.output

    def change(self, here: Here, change: OutputChange) -> None:
        """Make a change at a stop: of the output, before the call of the arguments. Raises RequestError."""
        # Whatever the frame calls output, here it is the row's.
        names = {**names_at(here, self._model, 0), **here.names()}
        other = self._other_of(here)
        if here.moment == "before":
            if change.kind == "other":
                raise RequestError("of the other run outputs are kept, not arguments; make this change after the row")
            given = changed_output((here.args, here.kwargs), change, lambda text: evaluated(text, names), other)
            # An expression gives the one positional argument, else all of them.
            if change.kind == "expression":
                given = (given if isinstance(given, tuple) else (given,)), here.kwargs
            here.args, here.kwargs = given
        else:
            value = changed_output(here.output, change, lambda text: evaluated(text, names), other)
            target = written_into(here.call, here.args, here.output)
            if value is None and here.output is not None and here.call.module is not None:
                # To torch, a hook that returns None leaves the output as it is.
                raise RequestError(
                    f"{change.text!r}: what a module puts out cannot become None; change it where it is used"
                )
            if target is None:
                here.output = value
            else:
                write_into(target, value)
        here.changes.append(change.text)
        self.changes.append(f"{row_name(row_of(here))}: {change.text}")

    def _other_of(self, here: Here) -> Callable[[], Any]:
        return lambda: output_in(self.plan.other, key_of(here.call, here.number))

    def _takes_part(self) -> bool:
        if self.leaving:
            raise PassEndedError
        # Inside vmap, grad and the like tensors have no values of their own; other threads cannot wait for this one.
        return not is_transforming() and threading.get_ident() == self._thread

    def _visit(self, here: Here, frame: Any) -> None:
        limit = sys.getrecursionlimit()
        # A model that calls itself without end must leave room for what looks at it: torch crashes where there is none.
        sys.setrecursionlimit(limit + ROOM)
        try:
            self._at(here, frame)
        except Exception as problem:
            # Through the model's forward only what it is not likely to catch is raised.
            self.problem, self.leaving = problem, True
        finally:
            sys.setrecursionlimit(limit)
        if self.leaving:
            raise PassEndedError

    def _at(self, here: Here, frame: Any) -> None:
        if here.moment == "after":
            self._done += 1
            self.plan.progress(self._done, self._calls, f"after {here.call.place or 'model'} {here.call.type}")
            for one in self.plan.changes:
                if self._holds(one.at, here):
                    here.frames = here.frames or frames_from(frame)
                    self.change(here, one.change)
        found = next((point for point in self.plan.breakpoints if self._holds(point, here)), None)
        here.breakpoint = found.text if found is not None else ""
        wanted = self._is_wanted(here)
        if found is None and not wanted:
            return
        here.frames = here.frames or frames_from(frame)
        if not wanted:
            here.why = "breakpoint"
        elif here.depth == 0 and here.moment == "before":
            here.why = "start"
        self.plan.depth = here.depth
        self._wait(here)

    def _is_wanted(self, here: Here) -> bool:
        """Whether the command leads here. A row that has none inside is one step, and is waited at after it."""
        if self.plan.command == "row":
            return here.moment == "after"
        if here.depth == 0 and here.moment == "before":
            return self.plan.command == "into"
        if here.moment == "before" and not _has_rows_inside(here.call):
            return False
        if self.plan.command == "over":
            return here.depth <= self.plan.depth
        if self.plan.command == "out":
            return here.depth < self.plan.depth
        return self.plan.command == "into"

    def _holds(self, point: Breakpoint, here: Here) -> bool:
        call = here.call
        if point.moment != here.moment:
            return False
        if not point.rows.matches([call.path, call.place], call.type, call.is_function, here.number):
            return False
        if point.condition is None:
            return True
        looked_at = here.output if here.moment == "after" else (here.args, here.kwargs)
        return any(point.condition.holds(MeasuredTensor(tensor)) for tensor in tensors_in(looked_at))


def names_at(here: Here, model: nn.Module, frame: int) -> dict[str, Any]:
    """What an expression sees at a stop: the frame's variables, and what they hide of the row's and the model.

    Raises RequestError where there is no such frame.
    """
    if here.frames and not 0 <= frame < len(here.frames):
        raise RequestError(f"there is no frame {frame} here; there are {len(here.frames)}, from 0, the innermost")
    running = here.frames[frame].frame if here.frames else None
    own = {} if running is None else {**running.f_globals, **running.f_locals}
    return {"torch": torch, "model": model, **here.names(), **own}


def row_of(here: Here, index: int | None = None) -> StopRow:
    """The row of a moment, as a record."""
    call = here.call
    return StopRow(
        path=call.path,
        place=call.place,
        type=call.type,
        call=here.number,
        is_function=call.is_function,
        index=index,
    )


def _has_rows_inside(call: CallRecord) -> bool:
    return not (call.is_function or call.is_opaque or is_torch_leaf(call.module))
