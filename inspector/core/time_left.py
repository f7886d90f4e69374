"""How long something will still take, from how far it has come; said only once the rate is steady."""

STEADY_AFTER = 2.0
"""Seconds before anything is said: the beginning is rarely like the rest."""
LEAST_REPORTS = 4
AGREE_WITHIN = 0.25
"""How far the rate of the last half may be from that of the whole, as a share of it."""
KEPT = 200
"""Reports; of more, every second one is dropped."""


class TimeLeft:
    """Takes reports of progress, and estimates from them."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._reports: list[tuple[float, int]] = []

    def report(self, now: float, done: int, total: int | None) -> None:
        """So much is done at `now`, in seconds of any clock; another total, or less than before, begins anew."""
        if total != self._total or (self._reports and done < self._reports[-1][1]):
            self._total = total
            self._reports.clear()
        if not self._reports or done > self._reports[-1][1]:
            if len(self._reports) == KEPT:
                self._reports = self._reports[::2]
            self._reports.append((now, done))

    def seconds(self, now: float) -> float | None:
        """Seconds still to go at `now`; None while that is not known."""
        if self._total is None or len(self._reports) < LEAST_REPORTS:
            return None
        first, middle, last = self._reports[0], self._reports[len(self._reports) // 2], self._reports[-1]
        if last[0] - first[0] < STEADY_AFTER or last[0] <= middle[0]:
            return None
        whole, late = _rate(first, last), _rate(middle, last)
        if abs(late - whole) > AGREE_WITHIN * whole:
            return None
        return max(0.0, (self._total - last[1]) / whole - (now - last[0]))


def _rate(a: tuple[float, int], b: tuple[float, int]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])
