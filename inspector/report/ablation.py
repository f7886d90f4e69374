"""`ablate` as text."""

from rich.text import Text

from inspector.core.ablation import AblationReport, ablated_name, effect_text
from inspector.core.wording import things
from inspector.report.console import standard_output


def print_ablation(report: AblationReport) -> None:
    """Every row that was switched off, that which changes the output most first."""
    console = standard_output(soft_wrap=True)
    names = [ablated_name(row) for row in report.rows]
    width = max(map(len, names), default=0)
    for row, name in zip(report.rows, names, strict=True):
        console.print(Text(f"{name:<{width}}  {row.by:<8}  {effect_text(row)}"))
    if report.left_out:
        left = things(report.left_out, "row")
        console.print(Text(f"{left} more were not tried; choose rows with --rows"))
