"""Asks for another name for a node, an initializer or a value of an ONNX model."""

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.table import Row, Tensor
from inspector.tui.dialog import Dialog, entry


class RenameDialog(Dialog[Edit]):
    """What to rename, as typed, and its new name."""

    button = "Rename"

    def __init__(self, row: Row, tensor: Tensor | None) -> None:
        """Begins with the tensor on show, without one with the row's node."""
        super().__init__()
        self._what = f"value:{tensor.key}" if tensor is not None else f"node:{row.path}"
        self._now = tensor.key if tensor is not None else row.name or ""
        self._of_row = f"node:{row.path}" if row.kind == "node" else ""
        self.title_text = "Rename"

    def fields(self) -> Iterable[Widget]:
        """What and how."""
        yield entry("what", self._what, "what", "value:… or node:…")
        if self._of_row and self._of_row != self._what:
            yield Static(f"the row's node is {self._of_row}", classes="hint", markup=False)
        yield entry("name", self._now, "name", "one that nothing else has")

    def result(self) -> Edit:
        """The edit as filled in; whether the name is free is the engine's to say."""
        what, name = self.text("what").strip(), self.text("name").strip()
        if not what.removeprefix("value:").removeprefix("node:"):
            raise RequestError("nothing is named to be renamed; write value: or node: and what it is called")
        if not name:
            raise RequestError("the new name is empty; write one")
        return Edit(action="rename", where=what, argument=name)
