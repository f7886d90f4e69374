"""Paths as the user typed them: from the folder where the program was started, wherever the model's code goes."""

import os
from pathlib import Path

from inspector.files.typed_paths import typed_path


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        # It was removed.
        return None


START = _current_folder() or Path(os.sep)
"""The folder at the time of import, which is before any code of the user's runs."""


def user_path(typed: str) -> Path:
    """The file that a typed path means, as it was typed where that leads there. Raises RequestError as `typed_path`."""
    path = typed_path(typed)
    return path if _current_folder() == START else START / path
