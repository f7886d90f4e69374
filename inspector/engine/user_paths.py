"""Paths as the user typed them: from the folder where the program was started, wherever the model's code goes."""

import os
from pathlib import Path

START = Path.cwd()
"""The folder at the time of import, which is before any code of the user's runs."""


def user_path(typed: str) -> Path:
    """The file that a typed path means, as it was typed where that leads there."""
    path = Path(typed).expanduser()
    return path if os.path.isdir(os.curdir) and Path.cwd() == START else START / path
