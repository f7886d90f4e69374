"""What a row costs, as cells of the tree: a figure, and its share of the whole model as a bar where there is room."""

from inspector.core import wording
from inspector.core.drawn_bars import share_bar
from inspector.tui.cells import Cell

FIGURE = 7
"""Cells of a figure such as ``1.81 G``."""
WITH_SHARE = FIGURE + 1 + 5
"""Cells of a figure with its bar."""


def flops_cell(flops: int | None, total: int, width: int) -> Cell:
    """Floating-point operations; nothing where they are not counted."""
    if flops is None:
        return []
    bar = f" {share_bar(flops / total, width - FIGURE - 1)}" if total else ""
    return [(f"{wording.count(flops):>{FIGURE}}", "number"), (bar, "kind")]
