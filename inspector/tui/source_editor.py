"""Opening a source file at a line in the person's own editor."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from textual.app import App, SuspendNotSupported

from inspector.core.errors import RequestError

AT_LINE = {"code": "--goto {file}:{line}", "subl": "{file}:{line}", "hx": "{file}:{line}", "zed": "{file}:{line}"}
"""How editors are told a line that do not take ``+LINE FILE``."""


def editor_command(file: str, line: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that opens a file at a line, by $VISUAL or $EDITOR; empty where neither is set.

    Raises RequestError where what is set does not read as a command.
    """
    name = "VISUAL" if environment.get("VISUAL") else "EDITOR"
    try:
        words = shlex.split(environment.get(name) or "")
    except ValueError as problem:
        wrong = str(problem).lower()
        raise RequestError(f"${name} does not read as a command, {wrong}; set it to open {file}:{line}") from None
    if not words:
        return []
    told = AT_LINE.get(Path(words[0]).name, "+{line} {file}")
    return [*words, *(part.format(file=file, line=line) for part in told.split())]


def open_source(app: App[int], file: str, line: int) -> str:
    """Open a file at a line while the application waits; why not, "" where it was done."""
    if not Path(file).is_file():
        return f"{file} is not on this machine"
    try:
        command = editor_command(file, line)
    except RequestError as problem:
        return str(problem)
    if not command:
        return f"set $EDITOR to open {file}:{line}"
    try:
        with app.suspend():
            try:
                status = subprocess.run(command, check=False).returncode
            except OSError as problem:
                return f"{command[0]} cannot be started: {problem.strerror}"
    except SuspendNotSupported:
        return f"this terminal cannot be lent to {command[0]}; open {file}:{line} there"
    return f"{command[0]} ended with status {status}" if status else ""
