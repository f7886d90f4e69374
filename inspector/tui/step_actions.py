"""What can be done with a pass that is stepped through: declared beside the other actions.

The function keys are those of other debuggers; the letters hold while a pass waits, when what they do otherwise would
be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.core.stops import STEP_COMMANDS, StepCommand
from inspector.tui import reasons, step_questions
from inspector.tui.action import Action

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

STEPPING = "Stepping through a pass"


def _go(command: StepCommand) -> Callable[[NNInspectApp], object]:
    return lambda app: app.stepping.go(command)


def _step(command: StepCommand, keys: str, at_stop: str, title: str, short: str) -> Action:
    told = STEP_COMMANDS[command]
    return Action(
        id=f"step_{command}",
        keys=keys,
        at_stop=at_stop,
        title=title,
        short=short,
        help=f"{told[0].upper()}{told[1:]}.",
        group=STEPPING,
        run=_go(command),
        why_not=reasons.no_stop,
        in_stop_footer=True,
    )


STEP_ACTIONS = (
    Action(
        id="step_start",
        keys="S",
        title="Step",
        help="Run forward step by step: stop before the model is called, then go on with the keys below.",
        group=STEPPING,
        run=lambda app: app.stepping.start(),
        why_not=reasons.nothing_to_run,
    ),
    Action(
        id="step_to_failure",
        keys="X",
        title="Step to the failure",
        help="Run forward to where it fails, and look at the variables of every function that was running.",
        group=STEPPING,
        run=lambda app: app.stepping.start_to_failure(),
        why_not=reasons.nothing_failed,
    ),
    _step("into", "f11", "i", "Step into", "Into"),
    _step("over", "f10", "o", "Step over", "Over"),
    _step("row", "", "r", "Step to the next row", "Row"),
    _step("out", "shift+f11", "u", "Step out", "Out"),
    _step("continue", "f5", "c", "Continue", "Continue"),
    Action(
        id="step_evaluate",
        keys="",
        at_stop="e",
        title="Evaluate",
        short="Eval",
        help="Type a Python expression in the function's variables; output, args, kwargs, module, model, torch too.",
        group=STEPPING,
        run=step_questions.evaluate,
        why_not=reasons.nothing_to_evaluate_in,
        in_stop_footer=True,
    ),
    Action(
        id="step_change",
        keys="equals_sign",
        title="Change the output",
        short="Change",
        help="Change what the row puts out, before it its arguments, and go on with that.",
        group=STEPPING,
        run=step_questions.change,
        why_not=reasons.nothing_at_stop_to_change,
        in_stop_footer=True,
        display="=",
    ),
    Action(
        id="step_frame_up",
        keys="",
        at_stop="K",
        title="Frame up",
        help="To the function that called this one: its line and its variables.",
        group=STEPPING,
        run=lambda app: app.stepping.walk(1),
        why_not=reasons.no_stop,
    ),
    Action(
        id="step_frame_down",
        keys="",
        at_stop="J",
        title="Frame down",
        help="To the function that this one called.",
        group=STEPPING,
        run=lambda app: app.stepping.walk(-1),
        why_not=reasons.no_stop,
    ),
    Action(
        id="breakpoint",
        keys="f9",
        at_stop="b",
        title="Breakpoint",
        short="Break",
        help="Stop at the row whenever a pass that is stepped through comes there, or no longer.",
        group=STEPPING,
        run=lambda app: app.stepping.toggle_breakpoint(),
        why_not=reasons.nothing_to_break_at,
        in_stop_footer=True,
    ),
    _step("end", "shift+f5", "E", "End the pass", "End"),
    Action(
        id="breakpoints",
        keys="shift+f9",
        at_stop="B",
        title="Breakpoints",
        help="List and remove breakpoints; type one: a row, a type, a condition such as nan or absmax > 1e4.",
        group=STEPPING,
        run=step_questions.breakpoints,
        why_not=reasons.nothing_to_break_at,
    ),
    Action(
        id="step_restart",
        keys="",
        at_stop="t",
        title="Step again",
        help="Leave the pass and step through another one, with another input or seed.",
        group=STEPPING,
        run=step_questions.restart,
        why_not=reasons.no_stop,
    ),
)
