"""Text for a panel, put together from facts: nothing in it is ever read as markup."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from inspector.core.wording import printable
from inspector.tui.action import bindings
from inspector.tui.text_actions import TEXT_ACTIONS

LABEL = 12
Part = str | tuple[str, str]
"""Text, or text with a style of the theme such as ``$text-muted``."""
Fitted = Callable[[int], Sequence[Sequence[Part]]]
"""Makes lines for a width in cells; 0 is no limit."""

HEADING, LABELLED, MUTED = "bold $text-primary", "$muted", "$muted"
GOOD, WARNING, ERROR, CODE = "$text-success", "$text-warning", "$text-error", "$text-accent"


class Page:
    """Lines of text with styles, written from the top; long ones go on below their own beginning."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, list[tuple[str, str]]] | Fitted] = []

    def line(self, *parts: Part, hang: int = 0) -> None:
        """One line of text; where it is too long its last part goes on `hang` cells from the left."""
        self._lines.append((hang, _styled(parts)))

    def fitted(self, lines: Fitted) -> None:
        """Lines that depend on the room there is, such as a table's; they are made anew where that changes."""
        self._lines.append(lines)

    def heading(self, text: str, after: str = "") -> None:
        """A heading, with a remark after it."""
        if self._lines:
            self.line()
        self.line((text, HEADING), (f"  {after}" if after else "", MUTED), hang=2)

    def fact(self, label: str, value: str, style: str = "") -> None:
        """A label and what it is, the value's further lines below its first."""
        for number, text in enumerate(value.split("\n") or [""]):
            self.line((f"{label if not number else '':<{LABEL}}", LABELLED), (text, style), hang=LABEL)

    def paragraph(self, text: str, style: str = "") -> None:
        """Text whose own line breaks are kept."""
        for one in text.splitlines():
            self.line((one.expandtabs(4), style))

    def bullets(self, texts: Iterable[str], style: str = "") -> None:
        """Each text after a dot."""
        for text in texts:
            self.line(("· ", MUTED), (text, style), hang=2)

    def content(self, width: int = 0) -> Content:
        """The page as Textual shows it, wrapped to `width` cells unless that is 0."""
        parts: list[tuple[str, str]] = []
        for entry in self._lines:
            for hang, line in [(0, _styled(one)) for one in entry(width)] if callable(entry) else [entry]:
                parts += _wrapped(line, hang, width) if hang and line else line
                parts.append(("\n", ""))
        return Content.assemble(*parts).rstrip()


def _styled(parts: Iterable[Part]) -> list[tuple[str, str]]:
    texts = [part if isinstance(part, tuple) else (part, "") for part in parts]
    return [(printable(text), style) for text, style in texts]


def _wrapped(line: list[tuple[str, str]], hang: int, width: int) -> list[tuple[str, str]]:
    *before, (text, style) = line
    used = sum(cell_len(part) for part, _ in before)
    if used + cell_len(text) <= width or width < 2 * hang or used > hang:
        return line
    return [*before, (("\n" + " " * hang).join(textwrap.wrap(text, width - hang)), style)]


class TextPanel(VerticalScroll):
    """A page of text that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(TEXT_ACTIONS, dispatch="text")

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: Page | Content = Page()

    def compose(self) -> Iterable[Static]:
        """One block of text."""
        yield Static(markup=False)

    def show(self, text: Page | Content) -> None:
        """Show this text from its top."""
        self._shown = text
        self._draw()
        self.scroll_home(animate=False)

    def action_text(self, id: str) -> None:
        """Carry out one of `TEXT_ACTIONS`."""
        moves: dict[str, Callable[..., None]] = {
            "text_up": self.scroll_up,
            "text_down": self.scroll_down,
            "text_page_up": self.scroll_page_up,
            "text_page_down": self.scroll_page_down,
            "text_first": self.scroll_home,
            "text_last": self.scroll_end,
        }
        moves[id](animate=False)

    def on_resize(self) -> None:
        """Wrap anew."""
        if isinstance(self._shown, Page):
            self._draw()

    def _draw(self) -> None:
        text, width = self._shown, self.scrollable_content_region.width
        self.query_one(Static).update(text.content(width) if isinstance(text, Page) else text)
