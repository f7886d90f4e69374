"""Parts of a file that are averages of the model's weights (EMA, SWA, a teacher), not the model's own."""

from collections.abc import Iterable

_NAMES = ("ema", "swa", "teacher", "shadow", "averaged")


def is_average(path: Iterable[str]) -> bool:
    """Whether a name on a path says so."""
    return any(word in name.lower() for name in path for word in _NAMES)
