"""The tree of modules and the functions called between them, over the flat table."""

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.load_states import LoadState, load_states
from inspector.core.table import ModelTable, Row
from inspector.tui.cells import Cell, Column
from inspector.tui.cost_cells import FIGURE, WITH_SHARE, flops_cell
from inspector.tui.row_view import RowView

SHOWN_AT_FIRST = 1000
"""Larger models open folded, as deep as leaves at most so many rows on show."""
MEASURED = 2000
"""Rows looked at for the columns' widths; longer contents further down are cut."""
INDENT = 2
FOLDED, UNFOLDED = "▸", "▾"
NOT_REACHED = "not reached"


class ModuleTree(RowView):
    """Rows of a `ModelTable` by nesting, with parameters, output shapes and receptive fields."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table: ModelTable | None = None
        self.show_functions = True
        self.root_name = ""
        """What the root is called; the model's name, or that under the wrapper it is saved from."""
        self._total_flops = 0
        self._failed: int | None = None
        self._loaded: dict[str, LoadState] = {}
        """By path, what a file of weights did."""
        self._traced = False
        self._folded = bytearray()
        self._has_module_below = bytearray()
        self._lines: list[int] = []
        self._measured: list[Column] = []

    def show(self, table: ModelTable) -> None:
        """Show a table; folds and cursor stay where the rows are the same as before."""
        before, cursor = self.table, self.row_at
        was_folded = {_identity(before.rows[i]) for i in range(len(self._folded)) if self._folded[i]} if before else ()
        was_at = _identity(before.rows[cursor]) if before and cursor is not None else None
        rows = table.rows
        self.table = table
        self._traced = any(row.reached for row in rows)
        self._failed = failed_row(table)
        self._loaded = load_states(table)
        self._total_flops = table.totals.flops or 0
        self._has_module_below = bytearray(len(rows))
        for row in rows:
            if row.parent is not None and row.kind != "function":
                self._has_module_below[row.parent] = 1
        if before:
            self._folded = bytearray(len(rows))
            for row in rows:
                self._folded[row.index] = row.subtree > 1 and _identity(row) in was_folded
        else:
            self._folded = first_folds(rows)
        target = next((row.index for row in rows if _identity(row) == was_at), 0) if was_at else 0
        self._measured = _measure(table, self._traced)
        self._relay(target)

    def go_to_row(self, index: int) -> None:
        """Unfold what hides a row and put the cursor on it; a hidden function gives the module that calls it."""
        rows = self._rows()
        if rows[index].kind == "function" and not self.show_functions:
            index = rows[index].parent or 0
        hidden = False
        above = rows[index].parent
        while above is not None:
            hidden = hidden or bool(self._folded[above])
            self._folded[above] = 0
            above = rows[above].parent
        if hidden:
            self._relay(index)
        else:
            self.go_to(self._lines.index(index))

    def go_to_same(self, row: Row) -> None:
        """Go to the row that is the same as one of another table of this model, if there is one."""
        rows = self._rows()
        if row.index < len(rows) and _identity(rows[row.index]) == _identity(row):
            self.go_to_row(row.index)

    def toggle_functions(self) -> None:
        """Show or hide the functions called between modules."""
        at = self.row_at
        self.show_functions = not self.show_functions
        self._relay(at)

    def rename_root(self, name: str) -> None:
        """Show the root under another name."""
        self.root_name = name
        self.rebuild()

    @property
    def current(self) -> Row | None:
        """The table's row under the cursor."""
        at = self.row_at
        return self.table.rows[at] if self.table and at is not None else None

    def lines(self) -> Sequence[int]:
        """The rows on show: none below a folded one."""
        return self._lines

    def columns(self) -> Sequence[Column]:
        """Those measured on the table."""
        return self._measured

    def fold_marker(self, row: int) -> int | None:
        """Behind the indentation, where the row has something on show below it."""
        return _indentation(self._rows()[row], self._name_width()) if self._folds(row) else None

    def unfold(self, row: int) -> bool:
        """Show what is below a row."""
        if not self._folds(row) or not self._folded[row]:
            return False
        self._folded[row] = 0
        self._relay(row)
        return True

    def fold(self, row: int) -> bool:
        """Hide what is below a row."""
        if not self._folds(row) or self._folded[row]:
            return False
        self._folded[row] = 1
        self._relay(row)
        return True

    def fold_all(self, row: int, folded: bool) -> None:
        """Fold or unfold every row at or below `row`."""
        rows = self._rows()
        for index in range(row, row + rows[row].subtree):
            self._folded[index] = folded and rows[index].subtree > 1
        self._relay(row)

    def parent_of(self, row: int) -> int | None:
        """The module that holds or calls this row."""
        return self._rows()[row].parent

    def row_style(self, row: int) -> str:
        """Rows that the pass did not reach are pale, the one that failed stands out."""
        if row == self._failed:
            return "error"
        return "muted" if self._not_reached(self._rows()[row]) else ""

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """Name, module, marks, parameters, output, receptive field, operations, place."""
        one = self._rows()[row]
        return [
            self._name_cell(one, widths[0]),
            _module(one),
            [(self._marks_within(one, widths[2]), "mark")],
            [(wording.count(one.parameters) if one.parameters or one.lazy else "", "number")],
            [(self._output(one), "")],
            [(wording.receptive_field(one.receptive_field), "")],
            flops_cell(one.flops, self._total_flops, widths[6]),
            [(place(one), "muted")],
        ]

    def _name_cell(self, row: Row, width: int) -> Cell:
        marker = (FOLDED if self._folded[row.index] else UNFOLDED) if self._folds(row.index) else " "
        name = row.name or row.type if row.parent is not None else self.root_name or row.name or row.type
        style = "kind" if row.kind == "function" else "name"
        return [(" " * _indentation(row, width), ""), (f"{marker} ", "muted"), (name, style)]

    def _marks_within(self, row: Row, width: int) -> str:
        assert self.table is not None
        text = ", ".join(_marks(row, self.table, self._failed, self._loaded))
        state = self._loaded.get(row.path)
        if cell_len(text) <= width or not row.shared_with or (state is not None and not state.is_whole):
            return text
        text = ", ".join(_marks(row, self.table, self._failed, {}))
        # Of a long path elsewhere, the end says more than the beginning.
        return text if cell_len(text) <= width else f"= …{text[-max(1, width - 3) :]}"

    def _output(self, row: Row) -> str:
        if row.output_shapes:
            return wording.shapes(row.output_shapes)
        return NOT_REACHED if self._not_reached(row) else ""

    def _not_reached(self, row: Row) -> bool:
        # What the failure is inside of was reached, but has no output.
        around = self._failed is not None and row.index <= self._failed < row.index + row.subtree
        return self._traced and not row.reached and not around

    def _folds(self, row: int) -> bool:
        if self.show_functions:
            return self._rows()[row].subtree > 1
        return bool(self._has_module_below[row])

    def _name_width(self) -> int:
        return self.widths[0] if self.widths else 0

    def _rows(self) -> list[Row]:
        return self.table.rows if self.table else []

    def _relay(self, at: int | None = None) -> None:
        rows, folded, functions = self._rows(), self._folded, self.show_functions
        lines, index, total = [], 0, len(rows)
        while index < total:
            row = rows[index]
            if functions or row.kind != "function":
                lines.append(index)
                index += row.subtree if folded[index] else 1
            else:
                index += row.subtree
        self._lines = lines
        while at is not None and rows[at].kind == "function" and not functions:
            at = rows[at].parent
        self.rebuild(lines.index(at) if at is not None and lines else None)


def first_folds(rows: Sequence[Row]) -> bytearray:
    """Which rows of a model are folded when it opens: none of a small one, the deep ones of a large one."""
    folded = bytearray(len(rows))
    if len(rows) <= SHOWN_AT_FIRST:
        return folded
    at_depth: dict[int, int] = {}
    for row in rows:
        at_depth[row.depth] = at_depth.get(row.depth, 0) + 1
    shown, deepest = 0, 1
    for depth in sorted(at_depth):
        shown += at_depth[depth]
        if shown > SHOWN_AT_FIRST:
            break
        deepest = max(deepest, depth)
    for row in rows:
        folded[row.index] = row.subtree > 1 and row.depth >= deepest
    return folded


def failed_row(table: ModelTable) -> int | None:
    """The row whose pass failed: the last one with the failure's path that has no output."""
    if table.failure is None:
        return None
    there = [row for row in table.rows if row.path == table.failure.path and row.kind != "function"]
    without_output = [row for row in there if not row.output_shapes]
    return (without_output or there or table.rows[:1])[-1].index if table.rows else None


def place(row: Row) -> str:
    """Device and dtype: ``cpu float32``."""
    return f"{row.device or ''} {row.dtype or ''}".strip()


def _identity(row: Row) -> tuple[str, str, int, str]:
    return row.kind, row.path, row.call, row.type if row.kind == "function" else ""


def _indentation(row: Row, width: int) -> int:
    # Deep rows keep half of the column for their name.
    return min(row.depth * INDENT, max(0, width // 2 // INDENT * INDENT))


def _module(row: Row) -> Cell:
    if row.kind == "function" and row.source:
        return [(row.source.text.strip(), "muted")]
    hyperparameters = f"({row.hyperparameters})" if row.hyperparameters else ""
    return [(row.type, "kind"), (hyperparameters, "muted")]


def _marks(row: Row, table: ModelTable, failed: int | None, loaded: Mapping[str, LoadState]) -> list[str]:
    is_module = row.kind == "module" and table.model.framework == "torch"
    marks = ["failed"] if row.index == failed else []
    if row.path in loaded and row.kind != "function" and not row.call:
        marks.append(str(loaded[row.path]))
    if row.call and row.kind != "function":
        marks.append(f"call {row.call + 1}")
    if row.shared_with:
        more = f" +{len(row.shared_with) - 1}" if len(row.shared_with) > 1 else ""
        marks.append(f"= {row.shared_with[0]}{more}")
    if row.lazy:
        marks.append("lazy")
    if is_module and row.trainable_parameters < row.parameters:
        marks.append("part frozen" if row.trainable_parameters else "frozen")
    if is_module and row.training != table.model.training:
        marks.append("train" if row.training else "eval")
    return marks


def _measure(table: ModelTable, traced: bool) -> list[Column]:
    rows = table.rows[:MEASURED]
    name = _longest((" " * (INDENT * row.depth + 2) + (row.name or row.type) for row in rows), 14, 36)
    module = _longest((f"{row.type}({row.hyperparameters})" for row in rows if row.kind != "function"), 12, 60)
    outputs = (wording.shapes(row.output_shapes) or ("" if row.reached else NOT_REACHED) for row in rows)
    output = _longest(outputs, 6, 26)
    field = _longest((wording.receptive_field(row.receptive_field) for row in rows), 0, 18)
    failed = failed_row(table)
    loaded = load_states(table)
    marks = _longest((", ".join(_marks(row, table, failed, loaded)) for row in rows), 0 if failed is None else 6, 24)
    where = _longest((place(row) for row in rows), 4, 22)
    flops = WITH_SHARE if any(row.flops for row in rows) else 0
    # A title wider than everything below it would only take room from the name.
    return [
        Column(title="  name", width=name, least=min(name, 20), share=1, middle=True),
        Column(title="module", width=module, least=12, priority=3, share=3),
        Column(title="marks", width=max(marks, 5) if marks else 0, least=max(5, min(marks, 10)), priority=4),
        Column(title="params", width=7, least=7, priority=2, right=True),
        Column(title="output", width=output if traced else 0, least=min(output, 14), priority=1),
        Column(title="field", width=max(field, 5) if field else 0, least=max(5, min(field, 12)), priority=5),
        Column(title="  flops", width=flops, least=min(flops, FIGURE), priority=6),
        Column(title="where", width=where, least=min(where, 11), priority=7),
    ]


def _longest(texts: Iterable[str], least: int, most: int) -> int:
    return max(least, min(most, max((cell_len(text[:200]) for text in texts), default=0)))
