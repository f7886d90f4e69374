"""Where reports are printed to: standard output as rich writes to it, a text, or a list of parts."""

import io
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from inspector.report.grid import Grid

WIDTH_WITHOUT_TERMINAL = 100_000
"""Into a pipe nothing is cut; the columns are as wide as what they hold."""


class _PipedConsole(Console):
    """A console that leaves a reader who went away to its caller; rich itself would end the program with status 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def written(printing: Callable[[Console], None]) -> str:
    """What a command prints into a pipe, as text."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=WIDTH_WITHOUT_TERMINAL,
        highlight=False,
        soft_wrap=True,
        color_system=None,
        # Else rich takes any stream for a terminal where the environment says so, and none at all in a notebook.
        force_terminal=False,
        force_jupyter=False,
    )
    printing(console)
    return stream.getvalue()


def collected(printing: Callable[[Console], None]) -> list[Text | Grid]:
    """What a command prints, in parts: lines and tables, for whoever draws them another way."""
    console = _Collecting()
    printing(console)
    return console.parts


class _Collecting(Console):
    """A console that keeps what it is to print."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), force_terminal=True)
        self.parts: list[Text | Grid] = []

    def print(self, *objects: Any, **options: Any) -> None:
        if len(objects) == 1 and isinstance(objects[0], Grid):
            self.parts.append(objects[0])
        else:
            self.parts.append(Text(" ").join(one if isinstance(one, Text) else Text(str(one)) for one in objects))


def standard_output(soft_wrap: bool = False) -> Console:
    """The console of a command; with `soft_wrap` long lines are left to the terminal."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return _PipedConsole(width=width, highlight=False, soft_wrap=soft_wrap)
