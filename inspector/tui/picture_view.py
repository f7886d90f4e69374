"""A picture of a tensor's values as a widget: a heat map of one plane, or the kernels of a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from inspector.core import wording
from inspector.core.table import Tensor
from inspector.core.value_pictures import Kind, PictureSettings, ValuePicture, planes_of
from inspector.tui.action import bindings
from inspector.tui.lines import content_of
from inspector.tui.page import Page
from inspector.tui.picture_actions import MOVES, PICTURE_ACTIONS
from inspector.tui.picture_colours import Colours
from inspector.tui.picture_drawing import draw_picture
from inspector.tui.picture_layout import CHARACTERS, HALF_BLOCKS, Layout, lay_out
from inspector.tui.view import View


class PictureView(Widget, can_focus=True):
    """As many planes of a tensor as there is room for, from one that is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(PICTURE_ACTIONS, dispatch="picture")

    @dataclass
    class Moved(Message):
        """Other planes, or as many as another size has room for, are to be shown."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._of: tuple[str, str, Kind] | None = None
        self._first = (0, 0)
        self._layout: Layout | None = None
        self._shown: tuple[ValuePicture, Layout, View] | Page = Page()

    def plan(self, tensor: Tensor, index: str, kind: Kind) -> PictureSettings | None:
        """Lay a tensor's planes out in the room there is; what to ask for, None as long as there is no room.

        Raises RequestError where there is no such picture.
        """
        if (tensor.key, index, kind) != self._of:
            self._of, self._first = (tensor.key, index, kind), (0, 0)
        planes = planes_of(tensor.shape or [], index, kind, tensor.key)
        if not planes.elements:
            self._layout = None
            return PictureSettings(key=tensor.key, index=index, kind=kind)
        dots = HALF_BLOCKS if self.in_colour else CHARACTERS
        self._layout = lay_out(planes, kind, self._first, (self.content_size.height, self.content_size.width), dots)
        return None if self._layout is None else self._layout.settings(tensor.key, index)

    def show(self, picture: ValuePicture, view: View) -> None:
        """Draw what was asked for as planned."""
        nothing = Page()
        nothing.line("There is no element at this index.")
        self._shown = nothing if self._layout is None else (picture, self._layout, view)
        self.refresh()

    def shows(self, tensor: Tensor) -> bool:
        """Whether a picture of this tensor is on show."""
        return not isinstance(self._shown, Page) and self._shown[2].tensor == tensor

    def say(self, page: Page) -> None:
        """Show text in the picture's place."""
        self._shown = page
        self.refresh()

    @property
    def in_colour(self) -> bool:
        """Whether the terminal has colours between those of its palette."""
        few = not self.app.is_headless and self.app.console.color_system in (None, "standard")
        return not (self.app.no_color or self.app.native_ansi_color or few)

    def render(self) -> Content:
        """The picture, or why there is none."""
        width = self.content_size.width
        if isinstance(self._shown, Page):
            return self._shown.content(width)
        picture, layout, view = self._shown
        assert view.looked_at is not None
        sizes = f"{wording.shape(view.looked_at.shape)}  {view.looked_at.dtype}"
        colours = Colours.of_theme(self.app.theme_variables) if self.in_colour else None
        key = view.spell(view.looked_at.key)
        return content_of(draw_picture(picture, layout, key, sizes, _hint(layout), colours, width), width)

    def action_picture(self, id: str) -> None:
        """Carry out one of `PICTURE_ACTIONS`."""
        layout = self._layout
        if layout is None:
            return
        first = [0, 0]
        if id in MOVES:
            way, side, page = MOVES[id]
            first = list(layout.first)
            most = layout.planes.counts[way] - layout.shown[way]
            first[way] = max(0, min(most, first[way] + side * (layout.shown[way] if page else 1)))
        self._first = (first[0], first[1])
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """There is room for more, or for less."""
        self.post_message(self.Moved())


def _hint(layout: Layout) -> str:
    hidden = any(shown < count for shown, count in zip(layout.shown, layout.planes.counts, strict=True))
    move = "" if not hidden else "tab, arrows: next plane; " if layout.kind == "heat map" else "tab, arrows: others; "
    return f"{move}V steps on, 4 goes to the index"
