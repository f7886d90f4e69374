"""The fourth panel: the values of one tensor as numbers, as a heat map, or as the kernels of a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from inspector.core import wording
from inspector.core.errors import RequestError
from inspector.core.results import ValuesReport
from inspector.core.table import Tensor
from inspector.core.value_pictures import Kind, PictureSettings, ValuePicture, no_kernels
from inspector.tui import plots
from inspector.tui.keys_here import keyed
from inspector.tui.page import MUTED, Page, TextPanel
from inspector.tui.picture_view import PictureView
from inspector.tui.value_grid import value_grid
from inspector.tui.view import View
from inspector.tui.waiting import waiting
from inspector.worker.protocol import DrawValues, Request, Values

LARGEST_SHOWN = 4
Form = Kind | Literal["numbers"]
FORMS: tuple[Form, ...] = ("numbers", "heat map", "kernels")


class ValuesPanel(Vertical):
    """Statistics, histogram and a slice of one tensor, or a picture of it."""

    form: reactive[Form] = reactive[Form]("numbers")
    """What the user chose; a tensor that has no such picture shows its numbers."""

    @dataclass
    class Asked(Message):
        """Something else is to be shown: another index was typed, another form chosen."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._key = ""

    def compose(self) -> ComposeResult:
        """An index above a text and a picture, of which one is on show."""
        yield Input(placeholder="index, for example [0, :, 3:5]", id="index", compact=True, select_on_focus=False)
        yield TextPanel(id="values")
        yield PictureView(id="picture")

    def on_mount(self) -> None:
        """Begin with numbers."""
        self.query_one(PictureView).display = False

    def wanted(self, view: View) -> Request[Any] | None:
        """The values at the index typed, or a picture of them as large as there is room for."""
        tensor = view.looked_at
        if tensor is None or tensor.lazy:
            return None
        form = self.form_of(tensor)
        if form == "numbers":
            return self.wanted_numbers(view)
        index = self._index(tensor)
        try:
            settings = self.query_one(PictureView).plan(tensor, index, form)
        except RequestError:
            # Refused in the same words as a request for numbers would be.
            settings = PictureSettings(key=tensor.key, index=index, kind=form)
        return None if settings is None else DrawValues(settings=settings)

    def wanted_numbers(self, view: View) -> Values | None:
        """The values at the index typed."""
        return Values(key=view.looked_at.key, index=self._index(view.looked_at)) if view.looked_at else None

    def show_view(self, view: View, answer: Any) -> None:
        """Draw the values, or say why there are none."""
        tensor = view.looked_at
        key = tensor.key if tensor else ""
        if key != self._key:
            self._key = key
            with self.prevent(Input.Changed):
                self.query_one(Input).value = ""
        text, picture = self.query_one(TextPanel), self.query_one(PictureView)
        drawn = tensor is not None and self.form_of(tensor) != "numbers"
        self._put(picture if drawn else text, text if drawn else picture)
        if isinstance(answer, ValuePicture):
            picture.show(answer, view)
        elif tensor is not None and drawn:
            # While another part of the tensor is on its way, the one before stays: no flicker.
            if answer is not None or not picture.shows(tensor):
                picture.say(waiting(answer, meanwhile="drawing the values…"))
        elif isinstance(answer, ValuesReport):
            text.show(self._page(answer, view))
        else:
            nothing = "no pass has given this tensor a shape yet" if tensor else "no tensor here"
            has_values = tensor is not None and not tensor.lazy
            text.show(waiting(answer, nothing, "reading the values…" if has_values else ""))

    def form_of(self, tensor: Tensor) -> Form:
        """What is shown of a tensor: the form chosen, where it has that."""
        return self.form if self.form in forms(tensor) else "numbers"

    def step(self, tensor: Tensor) -> None:
        """The next form that this tensor has."""
        possible = forms(tensor)
        self.form = possible[(possible.index(self.form_of(tensor)) + 1) % len(possible)]
        self.post_message(self.Asked())

    def _index(self, tensor: Tensor) -> str:
        return self.query_one(Input).value if tensor.key == self._key else ""

    def _put(self, shown: TextPanel | PictureView, hidden: TextPanel | PictureView) -> None:
        """Put one of the two on show; it takes the keyboard over from the other."""
        had = hidden.has_focus
        shown.display, hidden.display = True, False
        if had:
            shown.focus()

    def _page(self, report: ValuesReport, view: View) -> Page:
        page = Page()
        page.line((view.spell(report.key), "bold"), (f"  {wording.shape(report.shape)}", ""), f"  {report.dtype}")
        if report.numbers_are:
            page.line((f"the numbers are {report.numbers_are}", MUTED))
        page.line()
        plots.statistics(page, report.statistics)
        _sizes(page, report)
        if report.rows:
            value_grid(page, report, (view.looked_at.shape if view.looked_at else None) or [])
        if view.looked_at is not None and len(forms(view.looked_at)) > 1:
            page.line(
                (
                    keyed("{values_form} shows ") + " and ".join(_articled(form) for form in forms(view.looked_at)[1:]),
                    MUTED,
                )
            )
        return page

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask for the values at the new index."""
        event.stop()
        self.post_message(self.Asked())

    def on_picture_view_moved(self, event: PictureView.Moved) -> None:
        """Ask for other planes."""
        event.stop()
        self.post_message(self.Asked())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter leaves the index, so that keys are keys again."""
        event.stop()
        picture = self.query_one(PictureView)
        (picture if picture.display else self.query_one(TextPanel)).focus()


def forms(tensor: Tensor) -> list[Form]:
    """What can be shown of a tensor's values; numbers always."""
    if not tensor.shape or not tensor.elements or tensor.lazy:
        return ["numbers"]
    return [form for form in FORMS if form != "kernels" or not no_kernels(tensor.shape, tensor.key)]


def _articled(form: Form) -> str:
    return f"a {form}" if form == "heat map" else form


def _sizes(page: Page, report: ValuesReport) -> None:
    """The norms, and the elements of largest absolute value."""
    if report.norms is not None:
        named = {"‖x‖₁": report.norms.one, "‖x‖₂": report.norms.two, "‖x‖∞": report.norms.infinity}
        page.fact("norms", ", ".join(f"{name} {wording.number(value)}" for name, value in named.items()))
    if len(report.largest) > 1:
        found = report.largest[:LARGEST_SHOWN]
        page.fact("largest", "\n".join(f"{wording.number(one.value):>10}  at {one.index}" for one in found))
