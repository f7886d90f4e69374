"""What is being done for the user: how far it is, how long it has taken, and how long it will."""

from time import monotonic

from inspector.core.time_left import TimeLeft
from inspector.core.wording import percent
from inspector.worker.client import Client
from inspector.worker.protocol import Progress

SAID_AFTER = 0.5
"""Seconds that something takes before its time is said."""


class Activity:
    """One request under way."""

    def __init__(self, what: str, client: Client) -> None:
        self._what = what
        self.client = client
        """The one asked, which can be told to stop."""
        self.is_shown = False
        """It was asked for by name, or has taken long."""
        self._began = monotonic()
        self._left = TimeLeft()
        self._progress: Progress | None = None

    def take(self, progress: Progress) -> None:
        """It has come so far."""
        self._progress = progress
        self._left.report(monotonic(), progress.done, progress.total)

    def text(self) -> str:
        """What is done, how far, and how long it takes."""
        now = monotonic()
        parts = [self._what]
        if self._progress is not None and self._progress.total:
            done, total = self._progress.done, self._progress.total
            parts[0] += f" {done:,}/{total:,} ({percent(done / total)})"
        elapsed, left = now - self._began, self._left.seconds(now)
        if elapsed >= SAID_AFTER:
            parts.append(clock(elapsed) + (f", about {clock(left)} left" if left is not None else ""))
        if self._progress is not None and self._progress.text not in ("", self._what):
            parts.append(self._progress.text)
        return " · ".join(parts)


def clock(seconds: float) -> str:
    """A time in whole seconds, from a minute on as ``1:05``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02}"
