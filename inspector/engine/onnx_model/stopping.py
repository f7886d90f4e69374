"""Ends a run of onnxruntime that takes too long, or more memory than there is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime

_PERIOD = 0.2
_LEAST_FREE = 1 << 29
"""Bytes of memory below which the machine would soon stop something itself."""
_MEMORY = Path("/proc/meminfo")


class Watch:
    """The options of a run, and why it was ended, where it was."""

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()
        self.reason: tuple[str, str] | None = None
        """The exception's class and what it says."""

    def end(self, kind: str, reason: str) -> None:
        """Tell onnxruntime to stop, which it does after the node that it is at."""
        self.reason = kind, reason
        self.options.terminate = True


@contextmanager
def watched(seconds: float | None, *, memory: bool) -> Iterator[Watch]:
    """Watch a run: for `seconds`, and with `memory` for as long as some is free."""
    watch, done = Watch(), threading.Event()

    def look() -> None:
        waited = 0.0
        while not done.wait(_PERIOD if memory else seconds):
            waited += _PERIOD
            if seconds is not None and (not memory or waited >= seconds):
                return watch.end("TimeoutError", f"it was stopped after {seconds:g} seconds")
            free = free_memory()
            if memory and free is not None and free < _LEAST_FREE:
                return watch.end("MemoryError", "it was stopped because memory ran out: a loop keeps what it makes")
        return None

    thread = threading.Thread(target=look, daemon=True) if memory or seconds is not None else None
    if thread is not None:
        thread.start()
    try:
        yield watch
    finally:
        done.set()
        if thread is not None:
            thread.join()


def free_memory() -> int | None:
    """Bytes that the system can still give; None where it does not tell (Linux's ``/proc/meminfo``)."""
    try:
        lines = _MEMORY.read_text("ascii").splitlines()
    except OSError:
        return None
    sizes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(size) * 1024 for size in sizes), None)
