"""The dialogs of a stepped pass: how to change an output, where to stop, with what to begin again."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.breakpoints import parse_breakpoint
from inspector.core.output_changes import parse_change
from inspector.core.recipe import LARGEST_SEED, InputSpec, parse_inputs
from inspector.core.stops import StepSettings
from inspector.tui.dialog import Dialog, Tick, entry
from inspector.tui.forward_dialog import EMPTY

CHANGES = """\
zero              all zeros               scale(0.5)        multiplied
clamp(-1, 1)      within bounds           noise(0.1)        random, this much; noise(0.1, 7) with seed 7
[0, 3] = 1.5      one element             file(out.npy)     from a file
= output * 2      any expression          other             of a run with another seed
zero @1           of several outputs the second alone"""
BREAKPOINTS = """\
conv1   layer1.*   type:Conv2d   conv1 #2 (its second call)   before fc1
nan   absmax > 1e4   shape[-1] == 400   layer1.* if zeros > 0.9"""


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
    """The input and the seed of another pass."""

    title_text = "Step through another pass"
    button = "Start"

    def __init__(self, inputs: list[InputSpec], seed: int) -> None:
        super().__init__()
        self._inputs = inputs
        self._seed = seed

    def fields(self) -> Iterable[Widget]:
        """Input and seed, and where to go first."""
        yield entry("specs", "; ".join(map(str, self._inputs)), "input", "" if self._inputs else EMPTY)
        yield entry("seed", str(self._seed), "seed", "the same seed draws the same input")
        yield Tick("run to the first breakpoint", False, id="run")

    def result(self) -> StepSettings:
        """How the pass begins."""
        seed = self.whole_number("seed", "the seed", least=0, most=LARGEST_SEED)
        runs = self.query_one("#run", Tick).value
        return StepSettings(inputs=parse_inputs(self.text("specs")), seed=seed, command="continue" if runs else "into")
