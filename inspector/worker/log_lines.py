"""What the model's code prints, as lines: bounded, however much it prints."""

import asyncio
from collections.abc import Callable

KEPT_BYTES = 1 << 16
"""Of a flood, only so much is kept between two reports."""
SECONDS_BETWEEN = 0.05
LONGEST_LINE = 2000


class LogLines:
    """Reads a stream and reports its lines some twenty times a second; what a flood holds beyond that is counted."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._kept = bytearray()
        self._dropped = 0
        self._flushing: asyncio.TimerHandle | None = None

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read until the stream ends."""
        while chunk := await stream.read(1 << 18):
            if len(chunk) + len(self._kept) > KEPT_BYTES:
                joined = self._kept + chunk
                self._dropped += len(joined) - KEPT_BYTES
                self._kept = bytearray(joined[-KEPT_BYTES:])
            else:
                self._kept += chunk
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_later(SECONDS_BETWEEN, self._flush)
        self._flush(last=True)

    def _flush(self, last: bool = False) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._dropped:
            # The first line kept has lost its beginning.
            _, _, self._kept = self._kept.partition(b"\n")
            self._report(f"… {self._dropped:,} bytes more were printed")
            self._dropped = 0
        end = len(self._kept) if last or len(self._kept) >= KEPT_BYTES else self._kept.rfind(b"\n") + 1
        whole, self._kept = self._kept[:end], self._kept[end:]
        for line in whole.decode(errors="replace").splitlines():
            self._report(line[:LONGEST_LINE])
