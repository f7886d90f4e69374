"""`repair` as text."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from inspector.core.repair import RepairReport
from inspector.core.repair_wording import filled, is_sure, python, sections
from inspector.core.wording import printable
from inspector.report.console import standard_output

MOST_LISTED = 12
"""Keys of one kind; `--json` has all."""


def print_repair(report: RepairReport, command: str) -> None:
    """The verdict, the rules, what is left, and Python that does the same; `command` tries the arguments proposed."""
    console = standard_output(soft_wrap=True)
    console.print(Text(printable(report.verdict), style="bold green" if is_sure(report) else "bold red"))
    console.print(Text(printable(filled(report))))
    for heading, lines in sections(report, command):
        _list(console, heading, lines)
    lines = python(report)
    _list(console, "the same in Python", lines, len(lines))
    if report.written:
        console.print(Text(f"\nwrote {printable(report.written)}"))


def _list(console: Console, heading: str, lines: Sequence[str], most: int = MOST_LISTED) -> None:
    if not lines:
        return
    console.print(Text(f"\n{heading}", style="bold"))
    for line in lines[:most]:
        console.print(Text(f"  {printable(line)}"))
    if len(lines) > most:
        console.print(Text(f"  and {len(lines) - most:,} more; --json has all", style="dim"))
