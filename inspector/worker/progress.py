"""How far a request has come, told a few times a second."""

import time
from collections.abc import Callable

SECONDS_BETWEEN_PROGRESS = 0.05
ProgressSink = Callable[[int, int | None, str], None]
"""Called with (done, total or None, what): may raise to stop the work."""


class Rarely:
    """Passes progress on a few times a second; every report is a chance to be cancelled."""

    def __init__(self, sink: ProgressSink) -> None:
        self._sink = sink
        self._last = 0.0

    def __call__(self, done: int, total: int | None, text: str) -> None:
        """Tell it, unless something was told a moment ago."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_PROGRESS:
            self._last = now
            self._sink(done, total, text)
