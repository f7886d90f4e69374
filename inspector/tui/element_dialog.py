"""Asks for an index and a value: one element of a tensor to set."""

import re
from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.numbers import parse_number, write_number
from inspector.core.results import ValuesReport
from inspector.core.table import Tensor
from inspector.core.wording import printable, shape
from inspector.tui.dialog import Dialog, entry
from inspector.tui.value_grid import shown


class ElementDialog(Dialog[Edit]):
    """One element of one tensor."""

    button = "Set"

    def __init__(self, tensor: Tensor, looked_at: ValuesReport | None) -> None:
        """`looked_at` is what is known of its values; the dialog begins at the first of them, with what it is now."""
        super().__init__()
        self._tensor = tensor
        sizes = tensor.shape or []
        self._index = shown(looked_at, sizes).first if looked_at else [0] * len(sizes)
        value = next((row[0] for row in looked_at.rows if row), None) if looked_at else None
        self._value = None if value is None or tensor.dtype.startswith("complex") else write_number(value, tensor.dtype)
        self.title_text = f"Set one element of {tensor.key}"

    def fields(self) -> Iterable[Widget]:
        """Index and value."""
        tensor = self._tensor
        yield Static(f"{shape(tensor.shape)}  {printable(tensor.dtype)}", classes="hint", markup=False)
        if tensor.shape:
            yield entry("at", ", ".join(map(str, self._index)), "index", "one for each axis")
        yield entry("value", self._value or "0", "value", "as it is now" if self._value else "")

    def result(self) -> Edit:
        """The edit as filled in; whether the dtype can hold the value is the engine's to say."""
        sizes = self._tensor.shape or []
        index = parse_index(self.text("at"), sizes) if sizes else []
        value = self.text("value").strip()
        if not value:
            raise RequestError("the value is empty; write a number")
        parse_number(value, self._tensor.dtype)
        return Edit(action="set_element", where=self._tensor.key, index=index, argument=value)


def parse_index(text: str, sizes: list[int]) -> list[int]:
    """One integer for each axis, from text such as ``[0, 1]``; negative ones count from the end.

    Raises RequestError where there are too few or too many or one is outside its axis.
    """
    parts = [part for part in re.split(r"[,\s]+", text.strip().strip("[]()").strip()) if part]
    try:
        index = [int(part) for part in parts]
    except ValueError:
        raise RequestError(
            f"the index {text!r} is not a list of integers; write for example {example(sizes)}"
        ) from None
    if len(index) != len(sizes):
        raise RequestError(
            f"the index {text!r} has {len(index)} numbers, the shape {shape(sizes)} has {len(sizes)} axes"
        )
    for axis, (at, size) in enumerate(zip(index, sizes, strict=True)):
        if not -size <= at < size:
            raise RequestError(f"index {at} is outside axis {axis}, which has {size} elements")
    return [at % size for at, size in zip(index, sizes, strict=True)]


def example(sizes: list[int]) -> str:
    """An index for that many axes."""
    return ", ".join("0" for _ in sizes)
