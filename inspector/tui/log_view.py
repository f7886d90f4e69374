"""What the model's own code printed: the last lines, drawn at most ten times a second however fast they come."""

from collections import deque
from collections.abc import Sequence

from inspector.core import wording
from inspector.tui.cells import Cell, Column
from inspector.tui.row_view import RowView

KEPT_LINES = 5000
KEPT_CHARACTERS = 2000
"""Of a line; a model that prints a whole tensor on one line is cut here."""
REDRAWN_EVERY = 0.1
"""Seconds."""


class LogView(RowView):
    """A ring of lines that follows its end unless one scrolls up."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)
        self.total = 0
        """Lines that came, also those no longer kept."""
        self._drawn = 0

    def on_mount(self) -> None:
        """Draw at intervals."""
        self.set_interval(REDRAWN_EVERY, self.draw)

    def add(self, line: str) -> None:
        """Take a line; cheap, for it is called for each of a flood."""
        self._kept.append(line[:KEPT_CHARACTERS])
        self.total += 1

    def draw(self) -> None:
        """Draw what came since."""
        if self._drawn == self.total or not self.display:
            return
        at_end = self.cursor >= min(self._drawn, len(self._kept)) - 1
        self._drawn = self.total
        self.rebuild(len(self._kept) - 1 if at_end else self.cursor)

    def lines(self) -> Sequence[int]:
        """The kept lines, the oldest first."""
        return range(len(self._kept))

    def columns(self) -> Sequence[Column]:
        """One column, its title counting the lines."""
        dropped = f", the last {KEPT_LINES:,} kept" if self.total > KEPT_LINES else ""
        title = f"printed by the model: {wording.things(self.total, 'line')}{dropped}"
        return [Column(title=title, width=10, least=10, share=1)]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """The line."""
        return [[(self._kept[row].expandtabs(4), "")]]
