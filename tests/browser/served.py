"""A served interface in a child process, as the command line starts it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
URL = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)")


@dataclass
class Served:
    process: asyncio.subprocess.Process
    port: int
    token: str

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.origin}/?token={self.token}"

    def processes(self):
        """The server and all that it started, also in sessions of their own."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
                if state != "Z":
                    parents[int(stat.parent.name)] = int(parent)
        family = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family & parents.keys()


@contextlib.asynccontextmanager
async def served(*arguments, cwd=ROOT):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "inspector", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=cwd,
    )
    try:
        said = b""
        async with asyncio.timeout(60):
            while not (found := URL.search(said.decode())):
                line = await process.stdout.readline()
                assert line, f"it ended: {said.decode()}"
                said += line
        yield Served(process, int(found[1]), found[2])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(60):
                await process.communicate()


async def until(predicate, what, seconds=60):
    try:
        async with asyncio.timeout(seconds):
            while not predicate():  # noqa: ASYNC110  # the condition lies in another process, which sets no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it did not happen: {what}") from None
