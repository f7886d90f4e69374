"""`what-if` as text."""

from rich.text import Text

from inspector.core import wording
from inspector.core.what_if import NAMES, WhatIfReport, misfit, row_change, row_name, written
from inspector.report.console import standard_output


def print_what_if(report: WhatIfReport) -> None:
    """The operation's settings and formula, then every row that would change."""
    console = standard_output(soft_wrap=True)
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
        assumed = "  (if what does not fit before it did)" if row.assumed and row.failure is None else ""
        console.print(Text(f"{row_name(row)}  {row_change(row)}{assumed}"))
        if row.failure is not None:
            console.print(Text(f"   {misfit(row.failure)}"))
            for suggestion in row.failure.suggestions:
                console.print(Text(f"   {wording.printable(suggestion)}"))
    console.print(Text(f"{wording.things(report.unchanged, 'row')} unchanged"))
    if not report.complete:
        console.print(Text("what comes after the row that does not fit is not known"))
