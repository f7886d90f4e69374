"""Standard output as rich writes to it."""

import sys

from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 100_000
"""Into a pipe nothing is cut; the columns are as wide as what they hold."""


class _PipedConsole(Console):
    """A console that leaves a reader who went away to its caller; rich itself would end the program with status 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def standard_output(soft_wrap: bool = False) -> Console:
    """The console of a command; with `soft_wrap` long lines are left to the terminal."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return _PipedConsole(width=width, highlight=False, soft_wrap=soft_wrap)
