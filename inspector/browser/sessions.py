"""The process behind a tab: all that is used of textual-serve beyond its documented server."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from importlib.metadata import version

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from inspector.core.errors import RequestError

SECONDS_TO_QUIT = 3.0
"""Given to an interface that is asked to quit, before its process is killed."""


class Session(AppService):
    """An interface that surely ends: one that does not quit is killed, and its worker ends with it."""

    async def stop(self) -> None:
        """Ask it to quit and wait; then end what is left."""
        end = asyncio.get_running_loop().time() + SECONDS_TO_QUIT
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(super().stop(), SECONDS_TO_QUIT)
        # Not documented; where a later textual-serve has no such attribute, the interface still ends with its input.
        process: asyncio.subprocess.Process | None = getattr(self, "_process", None)
        if process is not None:
            # Drawing for a tab that is closed ends textual-serve's reading, not the interface: it could not write on.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await process.communicate()
        with contextlib.suppress(ProcessLookupError):
            if process is not None:
                process.kill()
            else:
                self.stdin.close()


def new_session(
    command: str,
    write_bytes: Callable[[bytes], Awaitable[None]],
    write_str: Callable[[str], Awaitable[None]],
    close: Callable[[], Awaitable[object]],
    downloads: DownloadManager,
) -> Session:
    """The session of a tab that has just opened its websocket."""

    async def closing() -> None:
        await close()

    return Session(
        command, write_bytes=write_bytes, write_str=write_str, close=closing, download_manager=downloads
    )  # fmt: skip


def refuse_other_versions() -> None:
    """Raise RequestError where textual-serve is not of the series that this was written for."""
    found = version("textual-serve")
    if found.split(".")[0] != "1":
        raise RequestError(
            f"--serve works with textual-serve 1, and {found} is installed; pip install 'nninspect[serve]'"
        )
