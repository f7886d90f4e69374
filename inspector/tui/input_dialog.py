"""Asks for the input's shape, dtype and distribution, written as after ``--input``."""

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.recipe import InputSpec, parse_inputs
from inspector.tui.dialog import Dialog, entry

HINT = """\
[NAME=]SHAPE[:DTYPE][~DISTRIBUTION] or [NAME=]@FILE; several are separated by ;
for example 1x3x224x224 or ids=2x16:int64~range(0,30522); steps==4 is no tensor
images[0]= batch["image"]= batch.image= are parts of one argument
nothing: let it be worked out"""


class InputDialog(Dialog[list[InputSpec]]):
    """The inputs of every pass from now on."""

    title_text = "The model's input"
    button = "Use"

    def __init__(self, inputs: list[InputSpec]) -> None:
        super().__init__()
        self._inputs = inputs

    def fields(self) -> Iterable[Widget]:
        """One line for all inputs, as they are written after --input."""
        yield entry("specs", "; ".join(map(str, self._inputs)), "input")
        yield Static(HINT, classes="hint", markup=False)

    def result(self) -> list[InputSpec]:
        """The inputs as typed; none where they are to be worked out."""
        return parse_inputs(self.text("specs"))
