"""`what-if` as text."""

from rich.console import Console
from rich.text import Text

from inspector.core import wording
from inspector.core.what_if import NAMES, RowChange, WhatIfReport, written


def print_what_if(report: WhatIfReport) -> None:
    """The operation's settings and formula, then every row that would change."""
    console = Console(highlight=False, soft_wrap=True)
    for name in NAMES:
        now, then = getattr(report.now, name), getattr(report.settings, name)
        if now is not None:
            console.print(Text(f"{name:<15} {written(now)}{f' → {written(then)}' if now != then else ''}"))
    for line in report.formula:
        console.print(Text(f"{line.axis}: {line.text}"))
        for note in line.notes:
            console.print(Text(f"   {note}"))
    if report.parameters_after is not None:
        parameters = f"{wording.exact(report.parameters_before)} → {wording.exact(report.parameters_after)}"
        console.print(Text(f"{'parameters':<15} {parameters}"))
    console.print()
    for row in report.rows:
        console.print(Text(f"{name_of(row)}  {change_of(row)}"))
    console.print(Text(f"{wording.things(report.unchanged, 'row')} unchanged"))


def name_of(row: RowChange) -> str:
    """The path; a function by its name and where it is called."""
    name = f"{row.type} in {row.path}" if row.kind == "function" and row.path else row.path or row.type
    return wording.printable(f"{name} #{row.call + 1}" if row.call else name)


def change_of(row: RowChange) -> str:
    """``1×6×28×28 → 1×6×14×14``, or why it does not fit."""
    before = wording.shapes(row.before) if row.before else "not reached"
    if row.failure is not None:
        return f"{before} → does not fit: {wording.printable(row.failure.explanation or row.failure.message)}"
    after = wording.shapes(row.after) if row.after else "not known"
    return f"{before} → {after}{', if what stands before it fits' if row.assumed else ''}"
