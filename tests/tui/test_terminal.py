"""A real terminal: whatever ends the application, the terminal is usable afterwards."""

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROGRAM = """
import sys
sys.path[:0] = [{here!r}, {root!r}]
from fake_client import FakeClient, recipe
from inspector.tui.running import run
sys.exit(run(FakeClient(), recipe()))
"""
RESTORED = [b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h"]
"""Alternate screen left, mouse off, cursor back."""


def read_until(terminal: int, sought: bytes, seconds: float = 30) -> bytes:
    """All output until `sought` has come or the other side is closed."""
    seen, end = b"", time.monotonic() + seconds
    while sought not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "status"), [("q", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["q", "SIGTERM", "SIGHUP"]
)
def test_the_terminal_is_given_back(way, status):
    program = PROGRAM.format(here=str(HERE), root=str(HERE.parents[1]))
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", program])
    try:
        assert b"conv1" in read_until(terminal, b"conv1")
        if isinstance(way, str):
            os.write(terminal, way.encode())
        else:
            os.kill(child, way)
        left = read_until(terminal, b"never comes")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status
        child = 0
        for sequence in RESTORED:
            assert sequence in left
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(terminal)
