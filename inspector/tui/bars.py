"""Sizes as bars of a panel."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from inspector.core.wording import size_in_bytes
from inspector.tui.page import LABEL, LABELLED, Fitted, Part

EIGHTHS = " ▏▎▍▌▋▊▉█"
SIZE = 9
"""Cells of "1,023 MiB"."""
LONGEST_BAR = 30


def bars(parts: Sequence[tuple[str, float]], most: float, written: Callable[..., str] = size_in_bytes) -> Fitted:
    """A line for each: size, bar and name; the bars give way where there is little room."""

    def lines(width: int) -> Sequence[Sequence[Part]]:
        longest = max((cell_len(name) for name, _ in parts), default=0)
        room = LONGEST_BAR if not width else min(LONGEST_BAR, max(4, width - LABEL - SIZE - longest - 2))
        return [
            (
                (f"{'':<{LABEL}}{written(size):>{SIZE}} ", LABELLED),
                (f"{_bar(size / most, room):<{room}} ", "$text-primary"),
                (name, ""),
            )
            for name, size in parts
        ]

    return lines


def _bar(share: float, room: int) -> str:
    """A bar of eighths of a cell; what is not nothing is seen."""
    eighths = max(1, round(share * room * 8)) if share > 0 else 0
    return EIGHTHS[8] * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")
