"""Bars as characters, for the terminal and for the interface."""

EIGHTHS = " ▁▂▃▄▅▆▇█"
LYING_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def share_bar(share: float, width: int) -> str:
    """A bar as long as a share of `width` cells, in eighths; a share that is not zero is seen."""
    eighths = min(8 * max(0, width), max(1, round(share * width * 8))) if share else 0
    return "█" * (eighths // 8) + LYING_EIGHTHS[eighths % 8]
