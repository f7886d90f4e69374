"""Writes a file whole or not at all."""

import contextlib
import errno
import glob
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from inspector.core.errors import RequestError

try:
    import fcntl
except ImportError:
    # On Windows, where nobody can tell a writer that was killed from one that writes.
    fcntl = None  # type: ignore[assignment]


def resolved(path: Path) -> Path:
    """Where a file is written: a link is written through, not replaced."""
    return Path(os.path.realpath(path))


def refuse_place(target: Path, typed: str, overwrite: bool) -> None:
    """Raise RequestError, naming the path as `typed`, where no file can be written or one must not be replaced."""
    if target.is_dir():
        raise RequestError(f"{typed} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise RequestError(f"the folder {target.parent} does not exist; make it first or save elsewhere")
    if target.exists() and not overwrite:
        raise RequestError(f"{typed} exists; allow it to be replaced (--overwrite), or save under another name")
    if target.exists() and not target.is_file():
        raise RequestError(f"{typed} is not a regular file; save under another name")


def write_whole(target: Path, typed: str, write: Callable[[Path], object]) -> None:
    """Let `write` write beside the target, force it to the disk, and only then give it the name.

    A file that is replaced keeps its permissions. Raises RequestError, naming the path as `typed`, where `write` raises
    or the system refuses; nothing is left behind then. Where the process is killed, the next one to write this target
    removes what is left.
    """
    _remove_abandoned(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    held = -1
    try:
        # Made here, so that it has the permissions that the user's umask gives.
        held = _held(part)
        mode = (target if target.exists() else part).stat().st_mode & 0o7777
        write(part)
        descriptor = os.open(part, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.chmod(mode)
        part.replace(target)
    except RequestError:
        raise
    except Exception as error:  # each library that writes has errors of its own
        raise RequestError(f"{typed} could not be written: {_reason(target, error)}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if held >= 0:
            os.close(held)


def _held(part: Path) -> int:
    """The descriptor that locks a new file; -1 where files are not locked, and an open one could not be renamed."""
    held = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    if fcntl is None:
        os.close(held)
        return -1
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


def _remove_abandoned(target: Path) -> None:
    """Remove what writers of `target` that were killed left behind: no process holds its lock any more."""
    if fcntl is None:
        return
    for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        if not re.fullmatch(r"\.[0-9a-f]{8}\.part", part.name[1 + len(target.name) :]):
            continue
        with contextlib.suppress(OSError):
            held = os.open(part, os.O_WRONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(held)


def _reason(target: Path, error: Exception) -> str:
    # safetensors puts the number into its text; torch raises its own error while it handles the system's.
    told = re.search(r"\(os error (\d+)\)", str(error))
    system = next((link for link in (error, error.__cause__, error.__context__) if isinstance(link, OSError)), None)
    number = int(told[1]) if told else system.errno if system else None
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {target.parent} is not writable; save elsewhere"
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room left for it in {target.parent}; free some or save elsewhere"
    told_of = system.strerror if system and system.strerror else str(error)
    text = " ".join(told_of.split())
    return text if len(text) <= 200 else text[:199] + "…"
