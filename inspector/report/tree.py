"""The tree of `summary`: a line for each row, and below it for each tensor that a file has there."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from inspector.core import wording
from inspector.core.block_differences import Facts
from inspector.core.memory import MemoryReport
from inspector.core.repeated_blocks import Run
from inspector.core.row_filters import FoundRows
from inspector.core.table import ModelTable, Row, Tensor
from inspector.report.folded_rows import PrintedRow, every_row, folded_rows
from inspector.report.grid import Grid
from inspector.report.summary_columns import SummaryColumn, summary_columns

MOST_LINES = 400
"""With more, a file's tensors are left out unless all is asked for."""
TIES = 2
"""Keys named as tied to a tensor before the rest is counted."""


def print_tree(
    console: Console, table: ModelTable, memory: MemoryReport | None, full: bool, found: FoundRows | None = None
) -> None:
    """The rows, and what was left out of them; of those that a filter found, what holds them stands back."""
    columns = summary_columns(table, memory)
    right = {"parameters", *(column.title for column in columns if column.right)}
    grid = Grid(["", "type", "parameters", *(column.title for column in columns)], right)

    def compared(row: Row) -> Facts:
        return [(f"{column.title} ", column.of_row(row)) for column in columns if not column.ranges]

    if found is not None:
        lines = [PrintedRow(table.rows[index], table.rows[index].depth) for index in found.shown]
    else:
        lines = list(every_row(table) if full else folded_rows(table, compared))
    standing_back = set(found.shown).difference(found.matching) if found is not None else set()
    held = _held_by(table) if table.file is not None else {}
    listed = sum(1 + len(held.get(one.row.path, ())) for one in lines if one.stands_for is None)
    with_tensors = full or listed <= MOST_LINES
    folded, differing = 0, []
    for one in lines:
        row = one.row
        if one.stands_for is not None:
            grid.add_row(*_block_cells(one, one.stands_for))
            folded += one.stands_for.blocks.rows * (one.stands_for.blocks.count - 1)
            continue
        type_ = _type_cell(row)
        if one.differs:
            type_.append(" differs", style="yellow")
            differing.append(f"{row.path} differs: {one.differs}")
        cells = [tree_cell(row, one.depth), type_, _parameters_cell(row), *_cells(columns, one, table)]
        if row.index in standing_back:
            for cell in cells:
                cell.stylize("dim")
        grid.add_row(*cells)
        for tensor in held.get(row.path, ()) if with_tensors and row.index not in standing_back else ():
            grid.add_row(*_tensor_cells(tensor, row, one.depth + 1, columns))
    grid.print_to(console)
    for difference in differing:
        console.print(Text(wording.printable(difference), style="yellow"))
    if found is not None:
        matching = f"{len(found.matching):,} of {len(table.rows):,} rows match {wording.printable(found.filter)}"
        console.print(Text(matching, style="bold"))
    if folded:
        console.print(
            Text(f"{wording.things(folded, 'row')} of repeated blocks left out; --full prints all", style="dim")
        )
    if not with_tensors:
        tensors = wording.things(len(table.tensors), "tensor")
        console.print(Text(f"{tensors} not listed; --full lists all", style="dim"))


def _cells(columns: Sequence[SummaryColumn], one: PrintedRow, table: ModelTable) -> list[Text]:
    """What the columns say of a row, or of all the rows that it is printed for."""
    return [
        Text(
            wording.first_and_last([column.of_row(row) for row in (one.row, *(table.rows[at] for at in one.repeats))])
            if column.ranges
            else column.of_row(one.row)
        )
        for column in columns
    ]


def _held_by(table: ModelTable) -> dict[str, list[Tensor]]:
    """The tensors by the path of the row that holds each; one of an endless name stays with the model."""
    paths = {row.path for row in table.rows}
    held: dict[str, list[Tensor]] = {}
    for tensor in table.tensors:
        path = tensor.key.rpartition(".")[0]
        held.setdefault(path if path in paths else "", []).append(tensor)
    return held


def _block_cells(line: PrintedRow, run: Run) -> list[Text]:
    """What stands above the one that is printed of several blocks: their name and number, and their sums."""
    blocks = run.blocks
    size = "" if blocks.bytes is None else f", {wording.size_in_bytes(blocks.bytes)} in all"
    each = wording.size_in_bytes(line.row.bytes)
    return [
        Text("  " * line.depth + wording.printable(run.title), style="bold"),
        Text(f"{blocks.count:,} alike, {each} each{size}", style="dim"),
        Text("" if blocks.parameters == 0 else wording.exact(blocks.parameters)),
    ]


def tree_cell(row: Row, depth: int) -> Text:
    """A row's name under those it is in."""
    name = row.name if row.path or row.kind != "module" else "model"
    text = Text("  " * depth + (wording.printable(name) or "(root)"))
    if row.kind == "function":
        text.stylize("dim")
    if row.call:
        text.append(f" (call {row.call + 1})", style="dim")
    return text


def _tensor_cells(tensor: Tensor, row: Row, depth: int, columns: Sequence[SummaryColumn]) -> list[Text]:
    """A tensor's name below its row, its dtype and what shares its memory, and what the columns say of it."""
    name = tensor.key.removeprefix(f"{row.path}." if row.path else "")
    type_ = Text(tensor.dtype)
    if tensor.kind == "buffer" and not row.state_bytes:
        type_.append(" buffer", style="dim")
    if tensor.tied_to:
        tied = ", ".join(map(wording.printable, tensor.tied_to[:TIES]))
        more = f" and {len(tensor.tied_to) - TIES:,} more" if len(tensor.tied_to) > TIES else ""
        type_.append(f" = {tied}{more}", style="magenta")
    first = Text("  " * depth + (wording.printable(name) or "(itself)"), style="cyan")
    return [first, type_, Text(""), *(Text(column.of_tensor(tensor)) for column in columns)]


def _type_cell(row: Row) -> Text:
    text = Text("" if row.kind == "function" else wording.printable(row.type))
    if row.hyperparameters:
        text.append(f"({wording.printable(row.hyperparameters)})", style="dim")
    if row.lazy:
        text.append(" uninitialised", style="yellow")
    if row.shared_with:
        places = ", ".join(wording.printable(path) or "the model" for path in row.shared_with[:3])
        text.append(f" shared with {places}", style="magenta")
    return text


def _parameters_cell(row: Row) -> Text:
    if row.kind == "function":
        return Text("")
    return Text(wording.exact(row.parameters) if row.parameters or row.lazy else "")
