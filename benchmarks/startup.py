"""How soon the interface is there, measured against ``import torch`` in the same run.

    python benchmarks/startup.py [--repeats 7]

One round measures, one after the other, so that a slow moment of the machine falls on all three alike:

* a: ``python -c "import torch"``, from start to end;
* b: `nninspect sample_models/lenet.py --weights …` in a pseudo-terminal of 80×24, from its start until the first frame;
* c: from the same start until the tree shows the output shape of the first convolution.

The goals hold for the medians of the rounds' ratios: b/a at most 0.4, c/a at most 1.5. The exit status is 1 where one
is missed. Nothing answers the questions that the interface asks the terminal, as over a slow line.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["-m", "inspector", "sample_models/lenet.py", "--weights", "sample_models/lenet.params"]
FIRST_FRAME = "lenet.py"
FULL_TREE = "6×28×28"
GOALS = {"first frame": 0.4, "full tree": 1.5}
PATIENCE = 60.0
"""Seconds after which a round has failed."""

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[P\]_^X].*?(?:\x1b\\|\x07)|[ -/]*[0-~])", re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to the first frame and to the full tree, against import torch.")
    parser.add_argument("--repeats", type=int, default=7, help="rounds that count; one more warms the disk cache")
    repeats = parser.parse_args().repeats

    rounds = [measure() for _ in range(repeats + 1)][1:]
    seconds = {name: [one[name] for one in rounds] for name in rounds[0]}
    for name, values in seconds.items():
        print(f"{name:>12}: min {min(values):.3f} s, median {statistics.median(values):.3f} s")

    missed = False
    for name, goal in GOALS.items():
        ratios = [one[name] / one["import torch"] for one in rounds]
        median = statistics.median(ratios)
        verdict = "reached" if median <= goal else "MISSED"
        missed = missed or median > goal
        print(f"{name} / import torch: min {min(ratios):.2f}, median {median:.2f}; goal {goal}: {verdict}")
    return int(missed)


def measure() -> dict[str, float]:
    """Seconds for each of the three, from one round."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True, cwd=ROOT)
    imported = time.perf_counter() - began
    frame, tree = start_and_watch()
    return {"import torch": imported, "first frame": frame, "full tree": tree}


def start_and_watch() -> tuple[float, float]:
    """Start the interface in a pseudo-terminal; seconds until each text was on its screen."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(sys.stdout.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, *COMMAND], environment)
    try:
        written = bytearray()
        frame = read_until(terminal, written, FIRST_FRAME, began)
        tree = read_until(terminal, written, FULL_TREE, began)
    finally:
        end(child, terminal)
    return frame, tree


def read_until(terminal: int, written: bytearray, text: str, began: float) -> float:
    """Read what the interface writes until `text` is in it; seconds since `began`."""
    while text not in on_screen(written):
        left = began + PATIENCE - time.perf_counter()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise SystemExit(f"{text!r} did not appear within {PATIENCE:g} s. The end of what did:\n{tail(written)}")
        try:
            read = os.read(terminal, 1 << 16)
        except OSError:
            read = b""
        if not read:
            raise SystemExit(
                f"the interface ended before {text!r} appeared; the end of what it wrote:\n{tail(written)}"
            )
        written += read
    return time.perf_counter() - began


def on_screen(written: bytearray) -> str:
    """The text without the escape sequences between it."""
    return ESCAPE.sub("", written.decode(errors="replace"))


def tail(written: bytearray) -> str:
    return on_screen(written)[-2000:]


def end(child: int, terminal: int) -> None:
    """SIGTERM, and SIGKILL where that is not enough; what it still writes is read, or it could not end."""
    os.kill(child, signal.SIGTERM)
    deadline = time.perf_counter() + 5
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.perf_counter() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        if select.select([terminal], [], [], 0.02)[0]:
            try:
                os.read(terminal, 1 << 16)
            except OSError:
                time.sleep(0.02)
    os.close(terminal)


if __name__ == "__main__":
    sys.exit(main())
