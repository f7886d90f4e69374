"""How far the names of a tree stand from the left: by their depth, and where that takes too much room, by a number."""

from collections.abc import Iterable

from rich.cells import cell_len

INDENT = 2
MARKER = 2
"""Cells of the mark that folds, before the name."""
NAME = 36
"""Cells that names are given with their indentation; beyond that a column grows for indentation alone."""
SHORT = 12
"""Cells of a name that keeps its indentation where the column grows for that."""
WIDEST = 60


class TreeIndentation:
    """The cells before the names of rows, given the depth and the name of each."""

    def __init__(self, names: Iterable[tuple[int, str]] = ()) -> None:
        self._longest: dict[int, int] = {}
        for depth, name in names:
            self._longest[depth] = max(self._longest.get(depth, 0), cell_len(name[:200]))

    def wanted(self) -> int:
        """Cells that the names take with what is before them, within bounds."""
        return max((self._wanted(depth, name) for depth, name in self._longest.items()), default=0)

    @staticmethod
    def _wanted(depth: int, name: int) -> int:
        before = depth * INDENT + MARKER
        return min(before + name, max(NAME, min(before + SHORT, WIDEST)))

    def cells(self, depth: int, room: int) -> int:
        """Cells before the mark that folds a row, where its name has `room` with all that is before it."""
        return min(depth * INDENT, self._most(room))

    def text(self, depth: int, room: int) -> str:
        """What stands there: nothing, or the depth where rows of several depths begin at the same cell."""
        cells = self.cells(depth, room)
        if cells == depth * INDENT:
            return " " * cells
        return f"…{depth} ".rjust(cells)[-cells:] if cells else ""

    def _most(self, room: int) -> int:
        """As much as the names of deep rows leave, or half of the room; the same for all, so that siblings align."""
        half = max(0, room) // 2
        deep = max((name for depth, name in self._longest.items() if depth * INDENT > half), default=0)
        return max(half, room - MARKER - deep) // INDENT * INDENT
