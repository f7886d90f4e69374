"""Opening a source file at a line in the person's own editor."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from textual.app import App

AT_LINE = {"code": "--goto {file}:{line}", "subl": "{file}:{line}", "hx": "{file}:{line}", "zed": "{file}:{line}"}
"""How editors are told a line that do not take ``+LINE FILE``."""


def editor_command(file: str, line: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that opens a file at a line, by $VISUAL or $EDITOR; empty where neither is set."""
    words = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "")
    if not words:
        return []
    told = AT_LINE.get(Path(words[0]).name, "+{line} {file}")
    return [*words, *(part.format(file=file, line=line) for part in told.split())]


def open_source(app: App[int], file: str, line: int) -> str:
    """Open a file at a line while the application waits; why not, "" where it was done."""
    if not Path(file).is_file():
        return f"{file} is not on this machine"
    command = editor_command(file, line)
    if not command:
        return f"set $EDITOR to open {file}:{line}"
    with app.suspend():
        try:
            status = subprocess.run(command, check=False).returncode
        except OSError as problem:
            return f"{command[0]} cannot be started: {problem.strerror}"
    return f"{command[0]} ended with status {status}" if status else ""
