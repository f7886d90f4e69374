"""`export` as text."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inspector.core.export import ExportedValue, ExportReport
from inspector.core.row_comparison import ComparedPass, RowComparison, matched_sentence, verdict
from inspector.core.wording import number, printable, size_in_bytes, things
from inspector.report.console import standard_output

MOST_ROWS = 60
"""Rows listed where all agree; `--json` has all."""


def print_export(report: ExportReport) -> None:
    """The file, what it takes and gives, and how it compares."""
    console = standard_output(soft_wrap=True)
    files = ", ".join(map(printable, report.files))
    console.print(Text(f"wrote {files}: {size_in_bytes(report.bytes)}, opset {report.opset}, "
                       f"{things(report.nodes, 'node')}"))  # fmt: skip
    for label, values in (("takes", report.inputs), ("gives", report.outputs)):
        console.print(Text(f"{label} {', '.join(map(_value, values))}"))
    if report.comparison is not None:
        print_comparison(report.comparison, console)


def print_comparison(comparison: RowComparison, console: Console) -> None:
    """The verdict, then each pass: outputs, and the rows in the order in which they finish."""
    style = "bold red" if comparison.parts else "bold green" if comparison.agrees else "bold yellow"
    console.print(Text(f"\n{printable(verdict(comparison))}", style=style))
    if comparison.modules:
        console.print(Text(matched_sentence(comparison)))
    for path in comparison.unmatched:
        console.print(Text(f"not matched: {printable(path or 'the model itself')}", style="dim"))
    for number_of_pass, made in enumerate(comparison.passes):
        if number_of_pass and made.first_divergence is None:
            console.print(Text(f"\non {printable(' '.join(made.inputs))}: no row parts", style="bold"))
            continue
        console.print(Text(f"\non {printable(' '.join(made.inputs)) or 'no input'}, {made.dtype}", style="bold"))
        if made.failure is not None:
            console.print(Text(f"the file does not run: {printable(made.failure)}", style="red"))
        standard_output().print(_table(made))
    for note in comparison.notes:
        console.print(Text(f"note: {printable(note)}"))


def _table(made: ComparedPass) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("row", "type", "node"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("relative", "tolerance", "largest"):
        table.add_column(name, justify="right")
    table.add_column("")
    first = next((index for index, row in enumerate(made.rows) if row.parted), None)
    start = max(0, first - 5) if first is not None else 0
    for index, row in enumerate(made.rows[start : start + MOST_ROWS], start):
        mark = "◀ parts first" if index == first else "parts" if row.parted else ""
        call = f" #{row.call + 1}" if row.call else ""
        table.add_row(
            Text(printable(row.path) + call),
            Text(printable(row.type)),
            Text(printable(row.node)),
            *(Text(number(value)) for value in (row.relative, row.tolerance, row.max_abs)),
            Text(f"{mark} {row.why}".strip(), style="red" if row.parted else ""),
        )
    if len(made.rows) > start + MOST_ROWS:
        table.add_row(Text(f"and {len(made.rows) - start - MOST_ROWS:,} more rows; --json has all", style="dim"))
    for output in made.outputs:
        table.add_row(
            Text("output", style="bold"),
            Text(""),
            Text(printable(output.name), style="bold"),
            *(Text(number(value)) for value in (output.relative, output.tolerance, output.max_abs)),
            Text(f"{'parts' if output.parted else ''} {output.why}".strip(), style="red" if output.parted else ""),
        )
    return table


def _value(value: ExportedValue) -> str:
    shape = "×".join(map(str, value.shape)) or "scalar"
    return printable(f"{value.name}: {value.dtype} {shape}")
