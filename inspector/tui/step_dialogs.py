"""The dialogs of a stepped pass: how to change an output, where to stop, with what to begin again."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.breakpoints import parse_breakpoint
from inspector.core.output_changes import parse_change
from inspector.core.recipe import LARGEST_SEED, InputSpec, parse_inputs
from inspector.core.stops import OtherRun, StepSettings
from inspector.tui.dialog import Dialog, Tick, entry
from inspector.tui.forward_dialog import EMPTY

CHANGES = """\
zero            all zeros
scale(0.5)      multiplied
clamp(-1, 1)    within these bounds
noise(0.1)      with normal noise of this deviation; noise(0.1, 7): seed 7
[0, 3] = 1.5    one element
= output * 2    any expression in the variables here
file(out.npy)   what a file holds
other           what the row puts out in the other run, which t names
zero @1         of several outputs the second alone"""
BREAKPOINTS = """\
conv1   layer1.*   type:Conv2d   conv1 #2   before fc1   module:
nan   absmax > 1e4   shape[-1] == 400   layer1.* if zeros > 0.9
#2: its second call; module: the model itself"""


class ChangeDialog(Dialog[str]):
    """A change of what the row puts out."""

    button = "Change"

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title_text = title

    def fields(self) -> Iterable[Widget]:
        """One line, and what can be written there."""
        yield entry("change", "zero", "change")
        yield Static(CHANGES, classes="hint", markup=False)

    def result(self) -> str:
        """The change as typed; whether the output can take it is the engine's to say."""
        return parse_change(self.text("change")).text


class BreakpointDialog(Dialog[list[str]]):
    """The breakpoints to keep, and another one."""

    title_text = "Where a stepped pass stops"
    button = "Keep"

    def __init__(self, breakpoints: list[str]) -> None:
        super().__init__()
        self._breakpoints = breakpoints

    def fields(self) -> Iterable[Widget]:
        """A line for another one, and a tick for each."""
        yield entry("breakpoint", "", "stop at")
        yield Static(BREAKPOINTS, classes="hint", markup=False)
        for number, one in enumerate(self._breakpoints):
            yield Tick(one, True, id=f"keep-{number}")

    def result(self) -> list[str]:
        """Those that are ticked and what was typed."""
        kept = [
            one
            for number, one in enumerate(self._breakpoints)
            if self.query_one(f"#keep-{number}", Tick).value
        ]  # fmt: skip
        typed = self.text("breakpoint").strip()
        if typed and typed not in kept:
            kept.append(parse_breakpoint(typed).text)
        return kept


class RestartDialog(Dialog[StepSettings]):
    """The input and the seed of another pass, and of a run that outputs can be taken from."""

    title_text = "Step through another pass"
    button = "Start"

    def __init__(self, settings: StepSettings) -> None:
        super().__init__()
        self._settings = settings

    def fields(self) -> Iterable[Widget]:
        """Input and seed, those of the other run, and where to go first."""
        settings, other = self._settings, self._settings.other
        yield entry("specs", _written(settings.inputs), "input", "" if settings.inputs else EMPTY)
        yield entry("seed", str(settings.seed), "seed", "the same seed draws the same input")
        yield entry("other-specs", _written(other.inputs) if other else "", "other input", "empty: the same")
        yield entry("other-seed", str(other.seed) if other else "", "other seed", "empty: no other run")
        yield Tick("run to the first breakpoint", False, id="run")

    def result(self) -> StepSettings:
        """How the pass begins."""
        runs = self.query_one("#run", Tick).value
        return StepSettings(
            inputs=parse_inputs(self.text("specs")),
            seed=self.whole_number("seed", "the seed", least=0, most=LARGEST_SEED),
            other=self._other_run(),
            command="continue" if runs else "into",
        )

    def _other_run(self) -> OtherRun | None:
        inputs = parse_inputs(self.text("other-specs"))
        if not inputs and not self.text("other-seed").strip():
            return None
        named = bool(self.text("other-seed").strip())
        seed = self.whole_number("other-seed", "the other seed", least=0, most=LARGEST_SEED) if named else 0
        return OtherRun(inputs=inputs, seed=seed)


def _written(inputs: list[InputSpec]) -> str:
    return "; ".join(map(str, inputs))
