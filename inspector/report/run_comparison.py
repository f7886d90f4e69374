"""Two passes side by side: `forward --compare`."""

from rich.console import Console
from rich.text import Text

from inspector.core import wording
from inspector.core.run_comparison import (
    ComparedQuantity,
    ComparedRun,
    RunComparison,
    change_text,
    changed_most,
    compared_name,
    compared_runs,
)
from inspector.report.grid import Grid
from inspector.report.tree import tree_cell

QUANTITIES = (("rms", "rms"), ("absmax", "|max|"), ("zeros", "zeros"), ("gradient", "‖gradient‖"))
"""Names of what is compared, each with its title."""
MARK = "◀"


def print_compared(console: Console, comparison: RunComparison) -> None:
    """Every row with its numbers before and after; rows that changed most are marked."""
    rows = compared_runs(comparison.before, comparison.after)
    by_row = {one.row: one for one in rows}
    marked = {id(one) for one in changed_most(rows)}
    shown = [(name, title) for name, title in QUANTITIES if any(one.quantity(name) for one in rows)]
    titles = [f"{title} {when}" for _, title in shown for when in ("before", "after")]
    grid = Grid(["", "type", *titles, "changed"], right=set(titles))
    for row in comparison.before.table.rows:
        one = by_row.get(row.index)
        cells = [tree_cell(row, row.depth), Text("" if row.kind == "function" else wording.printable(row.type))]
        if one is not None:
            cells += [cell for name, _ in shown for cell in _pair(one.quantity(name))]
            cells.append(_change(one, id(one) in marked))
        grid.add_row(*cells)
    grid.print_to(console)


def print_difference(console: Console, comparison: RunComparison) -> None:
    """What was different, what changed most, and how the pass after ended."""
    rows = compared_runs(comparison.before, comparison.after)
    after = comparison.after
    console.print(Text(f"\nafter: {wording.printable(comparison.told)}", style="bold"))
    if after.seconds is not None:
        console.print(Text(f"the pass after took {wording.duration(after.seconds)}, on the same input"))
    if after.table.failure is not None:
        failure = after.table.failure
        where = wording.printable(failure.path) or "the model itself"
        text = f"the pass after fails in {where}: {failure.type}: {wording.printable(failure.message)}"
        console.print(Text(text, style="bold red"))
    most = changed_most(rows)
    if most:
        listed = "; ".join(f"{compared_name(one)} {change_text(one)}" for one in most)
        console.print(Text(f"changed most: {listed}"))
    else:
        console.print(Text("no row changed by 5 % or more"))
    alone = [one for one in rows if one.row is None]
    if alone:
        console.print(Text(f"only in the pass after: {', '.join(map(compared_name, alone))}"))


def _pair(quantity: ComparedQuantity | None) -> list[Text]:
    if quantity is None:
        return [Text(""), Text("")]
    write = wording.percent if quantity.name == "zeros" else wording.number
    return [Text("" if value is None else write(value)) for value in (quantity.before, quantity.after)]


def _change(one: ComparedRun, marked: bool) -> Text:
    text = change_text(one)
    return Text(f"{text} {MARK}" if marked else text, style="bold yellow" if marked else "")
