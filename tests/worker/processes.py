"""Waiting for what other processes do."""

import asyncio
from pathlib import Path


async def until(predicate, what="it never came to be"):
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not predicate():  # noqa: ASYNC110  # the condition lies in a process, which sets no event
            await asyncio.sleep(0.01)
    assert predicate(), what


def is_running(pid):
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
