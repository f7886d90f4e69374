"""Paths as people type them."""

import os
from os import PathLike
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.core.wording import shortened


def expanded(typed: str | PathLike[str]) -> Path:
    """The path with the home folder in place of ``~``. Raises RequestError where there is no such user."""
    try:
        return Path(typed).expanduser()
    except RuntimeError:
        raise RequestError(f"{typed}: there is no such user; write the path without ~") from None


def typed_path(typed: str | PathLike[str]) -> Path:
    """The place that a typed path means, whether or not there is a file.

    Raises RequestError where the system cannot even look: a name that is too long, a folder that is closed, a user
    after ``~`` who does not exist.
    """
    path = expanded(typed)
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise RequestError(f"{shortened(str(typed))} cannot be looked at: {why}; name another") from None
    return path
