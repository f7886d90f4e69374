"""What the model's own code printed and what was said here, drawn at most ten times a second however fast it comes."""

import textwrap
from collections import deque
from collections.abc import Iterator, Sequence

from textual import events

from inspector.core import wording
from inspector.tui.cells import Cell, Column
from inspector.tui.page import ERROR, GOOD, WARNING
from inspector.tui.row_view import RowView

KEPT_LINES = 5000
KEPT_CHARACTERS = 2000
"""Of a line; a model that prints a whole tensor on one line is cut here."""
REDRAWN_EVERY = 0.1
"""Seconds."""
SAID, BELOW = "» ", "  "
"""Before the first and every further line of what was said here."""
STYLES = {ERROR: "error", WARNING: "warning", GOOD: "good"}
"""Style names of the view for styles of the theme."""


class LogView(RowView):
    """A ring of lines that follows its end unless one scrolls up."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._kept: deque[tuple[str, str]] = deque(maxlen=KEPT_LINES)
        """Texts with their style names, "" for what was printed."""
        self._laid: list[tuple[str, str]] = []
        self.total = 0
        """Lines that came, also those no longer kept."""
        self._unfinished = ""
        """The line that is being printed in this process."""
        self._drawn = (0, 0)
        """Total and width when the lines were laid out last."""

    def on_mount(self) -> None:
        """Draw at intervals, and take what is printed in this process: a live object's code prints here."""
        self.set_interval(REDRAWN_EVERY, self.draw)
        self.begin_capture_print()

    def on_print(self, event: events.Print) -> None:
        """Keep the lines that were printed; a line may come in pieces."""
        event.stop()
        *whole, rest = (self._unfinished + event.text).split("\n")
        for line in whole:
            self.add(_left_of(line))
        # A return at its end may be that of a line's end, or make room for what comes next.
        self._unfinished = _left_of(rest)[:KEPT_CHARACTERS] + "\r" * rest.endswith("\r")

    def add(self, line: str) -> None:
        """Take a line that was printed; cheap, for it is called for each of a flood."""
        self._take(line[:KEPT_CHARACTERS], "")

    def say(self, text: str, style: str) -> None:
        """Keep what was said to the user; unlike what was printed it is never cut."""
        for line in text.splitlines():
            self._take(line, STYLES.get(style, "mark"))

    def _take(self, line: str, style: str) -> None:
        self._kept.append((line, style))
        self.total += 1

    def draw(self) -> None:
        """Draw what came since, or at another width."""
        now = (self.total, self.scrollable_content_region.width)
        if self._drawn == now or not self.display:
            return
        at_end = self.cursor >= len(self._laid) - 1
        self._drawn = now
        self._laid = [line for text, style in self._kept for line in _lay(text, style, now[1])]
        self.rebuild(len(self._laid) - 1 if at_end else self.cursor)

    def on_resize(self) -> None:
        """Lay the lines out for the new width."""
        self.draw()

    def open(self) -> None:
        """Come on show at the end, with the keyboard."""
        self.display = True
        self.draw()
        self.go_to_end()
        self.focus()

    def go_to_end(self) -> None:
        """To the line that came last."""
        self.go_to(len(self._laid) - 1)

    def lines(self) -> Sequence[int]:
        """The lines as laid out, the oldest first."""
        return range(len(self._laid))

    def columns(self) -> Sequence[Column]:
        """One column, its title counting the lines."""
        dropped = f", the last {KEPT_LINES:,} kept" if self.total > KEPT_LINES else ""
        title = f"printed by the model, or said here ({SAID.strip()}): {wording.things(self.total, 'line')}{dropped}"
        return [Column(title=title, width=10, least=10, share=1)]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """The line."""
        return [[self._laid[row]]]


def _left_of(line: str) -> str:
    """What a line shows at last: a carriage return begins it anew."""
    return line.rstrip("\r").rpartition("\r")[2]


def _lay(text: str, style: str, width: int) -> Iterator[tuple[str, str]]:
    if not style:
        yield text.expandtabs(4), ""
        return
    room = max(20, width - len(SAID))
    for number, piece in enumerate(textwrap.wrap(wording.printable(text), room) or [""]):
        yield (BELOW if number else SAID) + piece, style
