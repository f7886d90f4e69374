"""Asks for the input's shape, dtype and distribution, written as after ``--input``."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.recipe import InputSpec, parse_inputs
from inspector.core.table import Input
from inspector.core.wording import printable, why_this_input
from inspector.tui.dialog import Dialog, entry

HINT = """\
[NAME=]SHAPE[:DTYPE][~DISTRIBUTION] or [NAME=]@FILE; several are separated by ;
for example 1x3x224x224 or ids=2x16:int64~range(0,30522); steps==4 is no tensor
images[0]= batch["image"]= batch.image= are parts of one argument
nothing: let it be worked out"""

MOST_LINES = 2


def why(inputs: Sequence[Input]) -> list[str]:
    """Why these inputs were taken and which others do; with their names where they are for several reasons."""
    reasons = {"; ".join(lines): printable(one.name) for one in inputs if (lines := why_this_input(one))}
    if len(reasons) == 1 and len(inputs) == 1:
        return why_this_input(inputs[0])
    return [f"{name}: {text}" if len(reasons) > 1 else text for text, name in reasons.items()][:MOST_LINES]


class InputDialog(Dialog[list[InputSpec]]):
    """The inputs of every pass from now on."""

    title_text = "The model's input"
    button = "Use"

    def __init__(self, inputs: list[InputSpec], used: Sequence[Input] = ()) -> None:
        super().__init__()
        self._inputs = inputs
        self._why = why(used)

    def fields(self) -> Iterable[Widget]:
        """One line for all inputs, as they are written after --input."""
        yield entry("specs", "; ".join(map(str, self._inputs)), "input")
        if self._why:
            yield Static("\n".join(self._why), classes="hint", id="why", markup=False)
        yield Static(HINT, classes="hint", markup=False)

    def result(self) -> list[InputSpec]:
        """The inputs as typed; none where they are to be worked out."""
        return parse_inputs(self.text("specs"))
