"""Systems other than Linux, as far as they can be faked here by taking away what they do not have."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inspector.core.recipe import Recipe
from inspector.engine.host_memory import host_memory
from inspector.files import writing
from inspector.worker import pipes, protocol
from inspector.worker.process_client import ProcessClient

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = """
import asyncio, click, mmap, os, signal, subprocess, sys, tempfile, textual.app
for name in ("SIGHUP", "SIGQUIT", "SIGKILL", "pthread_kill"):
    delattr(signal, name)
for name in ("killpg", "setsid", "getpgrp", "sysconf"):
    delattr(os, name)
del mmap.MADV_RANDOM
for name in ("fcntl", "termios", "resource", "pwd", "grp"):
    sys.modules[name] = None
"""


@pytest.mark.parametrize(
    "module",
    [
        "inspector.tui.app",
        "inspector.tui.running",
        "inspector.worker.child",
        "inspector.worker.process_client",
        "inspector.files.writing",
        "inspector.files.values.reading",
        "inspector.cli.open",
    ],
)
def test_everything_is_importable_where_posix_is_not(module):
    subprocess.run([sys.executable, "-c", f"{WITHOUT}\nimport {module}"], check=True, cwd=ROOT)


@pytest.mark.slow
async def test_a_worker_is_spoken_to_by_threads_where_the_event_loop_watches_no_pipes(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "WATCHED", False)
    monkeypatch.delattr(os, "killpg")
    (tmp_path / "net.py").write_text("import torch\nprint('printed')\nnet = torch.nn.Linear(2, 3)\n")
    client = ProcessClient()
    lines = []
    client.listeners.append(lambda event: isinstance(event, protocol.Log) and lines.append(event.line))
    await client.start()
    table = await client.request(protocol.Open(recipe=Recipe(target=str(tmp_path / "net.py"))))
    assert [tensor.shape for tensor in table.tensors] == [[3, 2], [3]]
    async with asyncio.timeout(30):
        while not lines:  # noqa: ASYNC110  # the condition lies in a process, which sets no event
            await asyncio.sleep(0.01)
    assert lines == ["printed"]
    await client.close()


def test_a_file_is_written_whole_where_files_are_not_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "fcntl", None)
    target = tmp_path / "w.bin"
    target.write_bytes(b"old")
    target.chmod(0o640)
    writing.write_whole(target, "w.bin", lambda part: part.write_bytes(b"new"))
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["w.bin"]


def test_where_only_the_total_of_memory_is_known_the_rest_is_unknown(tmp_path, monkeypatch):
    # As on macOS: no /proc, and no count of free pages.
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}

    def sysconf(name):
        if name not in sizes:
            raise ValueError("unrecognized configuration name")
        return sizes[name]

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert host_memory(tmp_path)[:2] == (4_096_000, None)
