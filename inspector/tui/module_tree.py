"""The tree of modules and the functions called between them, over the flat table."""

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.findings import Finding
from inspector.core.load_states import FILLED
from inspector.core.repeated_blocks import Run, differing, runs_of
from inspector.core.table import ModelTable, Row
from inspector.tui.cells import Cell, Column
from inspector.tui.cost_cells import flops_cell
from inspector.tui.row_marks import RowMarks
from inspector.tui.row_view import RowView
from inspector.tui.tree_columns import MEASURED, NOT_REACHED, longest, place, tree_columns
from inspector.tui.tree_folds import TreeFolds, identity

INDENT = 2
FOLDED, UNFOLDED = "▸", "▾"
BREAKPOINT, STOP = "●", "▶"
GUTTER = 3


class ModuleTree(RowView):
    """Rows of a `ModelTable` by nesting, with parameters, output shapes and receptive fields.

    Its lines are numbered as those of `TreeFolds`: rows of the table, and behind them runs of blocks that repeat.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table: ModelTable | None = None
        self.show_functions = True
        self.fold_blocks = False
        """Whether blocks that repeat have one line for all of them; in a file they have at first."""
        self.root_name = ""
        """What the root is called; the model's name, or that under the wrapper it is saved from."""
        self._total_flops = 0
        self._failed: int | None = None
        self._marks: RowMarks | None = None
        self._traced = False
        self._folds = TreeFolds([], [], True, None)
        self._differing: dict[int, tuple[Run, str]] = {}
        """Rows that differ from the blocks of a run, and how."""
        self._measured: list[Column] = []
        self._stop: int | None = None
        """The row at which a pass waits."""
        self._breakpoints: frozenset[int] = frozenset()

    def show(self, table: ModelTable, findings: Sequence[Finding] = ()) -> None:
        """Show a table with findings; folds and cursor stay where the rows are the same as before."""
        was_at = identity(self.current) if self.current is not None else None
        was_run = self._run is not None
        if self.table is None:
            self.fold_blocks = table.model.framework == "file"
        before = self._folds if self.table is not None else None
        self.table = table
        self._traced = any(row.reached for row in table.rows)
        self._marks = RowMarks(table, findings)
        self._failed = self._marks.failed
        self._total_flops = table.totals.flops or 0
        self._find_blocks(before)
        self._measured = self._measure()
        same = next((row.index for row in table.rows if identity(row) == was_at), 0) if was_at else 0
        self._relay(self._folds.run_of.get(same, same) if was_run else same)

    def go_to_row(self, line: int) -> None:
        """Unfold what hides a line and put the cursor on it; a hidden function gives the module that calls it."""
        row = self._folds.row_at(line)
        if row.kind == "function" and not self.show_functions:
            line = row.parent or 0
        if self._folds.reveal(line):
            self._relay(line)
        else:
            self.go_to(self.lines().index(line))

    def go_to_same(self, row: Row) -> None:
        """Go to the row that is the same as one of another table of this model, if there is one."""
        rows = self._folds.rows
        if row.index < len(rows) and identity(rows[row.index]) == identity(row):
            self.go_to_row(row.index)

    def go_to_finding(self, finding: Finding) -> None:
        """Go to the row that a finding is about."""
        if self._marks is not None:
            self.go_to_row(self._marks.places.row_of(finding.path))

    def mark_stops(self, stop: int | None, breakpoints: frozenset[int]) -> None:
        """Mark the row at which a pass waits, and those with breakpoints."""
        if (stop, breakpoints) != (self._stop, self._breakpoints):
            before = self._gutter
            self._stop, self._breakpoints = stop, breakpoints
            if self._gutter != before:
                self._measured = self._measure()
            self.rebuild()

    def toggle_functions(self) -> None:
        """Show or hide the functions called between modules."""
        self.show_functions = not self.show_functions
        self._folds.show_functions = self.show_functions
        self._relay(self.row_at)

    def toggle_blocks(self) -> int:
        """Fold blocks that repeat into one line, or show all of them again; how many such lines there are now."""
        at = self.current
        self.fold_blocks = not self.fold_blocks
        self._find_blocks(self._folds)
        self._measured = self._measure()
        self._relay(at.index if at else None)
        return len(self._folds.runs)

    def rename_root(self, name: str) -> None:
        """Show the root under another name."""
        self.root_name = name
        self.rebuild()

    @property
    def current(self) -> Row | None:
        """The table's row under the cursor; on the line of blocks that repeat the first of them."""
        at = self.row_at
        return self._folds.row_at(at) if at is not None else None

    @property
    def position(self) -> float:
        """Where the cursor is among the table's rows: between two of them on a line for several."""
        current = self.current
        return -1 if current is None else current.index - (0.5 if self._run is not None else 0)

    @property
    def repetition(self) -> str:
        """What is repeated at the cursor, or how the row there differs from blocks that are; "" for all else."""
        at = self.row_at
        if at is None or self.table is None:
            return ""
        run = self._folds.run_at(at)
        if run is not None:
            size = wording.size_in_bytes(run.blocks.bytes)
            return f"{run.title}, alike, {size} together; this is the first of them"
        if at in self._differing:
            run, what = self._differing[at]
            return f"unlike {run.title}: {what}"
        return ""

    def lines(self) -> Sequence[int]:
        """The lines on show: none below a folded one."""
        return self._folds.lines

    def columns(self) -> Sequence[Column]:
        """Those measured on the table."""
        return self._measured

    def fold_marker(self, row: int) -> int | None:
        """Behind the indentation, where the row has something on show below it."""
        return self._gutter + self._indentation(row, self._name_width()) if self._folds.folds(row) else None

    def unfold(self, row: int) -> bool:
        """Show what is below a row."""
        return self._set_fold(row, folded=False)

    def fold(self, row: int) -> bool:
        """Hide what is below a row."""
        return self._set_fold(row, folded=True)

    def _set_fold(self, line: int, folded: bool) -> bool:
        if not self._folds.folds(line) or self._folds.folded(line) == folded:
            return False
        self._folds.fold(line, folded)
        self._relay(line)
        return True

    def fold_all(self, row: int, folded: bool) -> None:
        """Fold or unfold every row at or below `row`."""
        self._folds.fold_all(row, folded)
        self._relay(row)

    def parent_of(self, row: int) -> int | None:
        """The module that holds or calls this row, or the line of the blocks that it is one of."""
        return self._folds.above(row)

    def action_rows(self, id: str) -> None:
        """The same, but that a line for several blocks is not looked at but opened."""
        super().action_rows("toggle" if id == "choose" and self._run is not None else id)

    def row_style(self, row: int) -> str:
        """Rows that the pass did not reach are pale, the one that failed stands out."""
        if row == self._failed:
            return "error"
        return "muted" if self._not_reached(self._folds.row_at(row)) else ""

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """Name, module, marks, parameters, output, receptive field, operations, place."""
        one = self._folds.row_at(row)
        run = self._folds.run_at(row)
        if run is not None:
            return self._run_cells(row, run, one, widths)
        return [
            self._name_cell(
                row, one.name or one.type if one.parent is not None else self._name_of_root(one), widths[0]
            ),
            _module(one),
            [(self._marks_within(one, widths[2]), "mark")],
            [(wording.count(one.parameters) if one.parameters or one.lazy else "", "number")],
            [(self._output(one), "")],
            [(wording.receptive_field(one.receptive_field), "")],
            flops_cell(one.flops, self._total_flops, widths[6]),
            [(place(one), "muted")],
        ]

    def _run_cells(self, line: int, run: Run, first: Row, widths: Sequence[int]) -> Sequence[Cell]:
        """Of blocks that repeat: their names and number, the type and the place they share, the sum of parameters."""
        parameters = run.blocks.parameters
        return [
            self._name_cell(line, run.title, widths[0]),
            _module(first),
            [("alike", "mark")],
            [(wording.count(parameters) if parameters != 0 else "", "number")],
            [(self._output(first), "")],
            [],
            [],
            [(place(first), "muted")],
        ]

    def _name_of_root(self, root: Row) -> str:
        return self.root_name or root.name or root.type

    def _name_cell(self, line: int, name: str, width: int) -> Cell:
        marker = (FOLDED if self._folds.folded(line) else UNFOLDED) if self._folds.folds(line) else " "
        style = "kind" if self._folds.row_at(line).kind == "function" else "name"
        return [
            *self._stop_marks(line),
            (" " * self._indentation(line, width), ""),
            (f"{marker} ", "muted"),
            (name, style),
        ]

    def _stop_marks(self, line: int) -> Cell:
        if not self._gutter:
            return []
        return [
            (BREAKPOINT if line in self._breakpoints else " ", "error"),
            (f"{STOP if line == self._stop else ' '} ", "warning"),
        ]

    @property
    def _gutter(self) -> int:
        """Cells before the names, where there is anything to mark there."""
        return GUTTER if self._breakpoints or self._stop is not None else 0

    def _marks_within(self, row: Row, width: int) -> str:
        assert self._marks is not None
        text = self._marked(row)
        if cell_len(text) <= width or not row.shared_with or self._marks.is_lacking(row):
            return text
        text = ", ".join(self._marks.of(row, with_load=False))
        # Of a long path elsewhere, the end says more than the beginning.
        return text if cell_len(text) <= width else f"= …{text[-max(1, width - 3) :]}"

    def _marked(self, row: Row) -> str:
        assert self._marks is not None
        marks = self._marks.of(row)
        return ", ".join(["differs", *marks] if row.index in self._differing else marks)

    def _output(self, row: Row) -> str:
        if row.output_shapes:
            return wording.shapes(row.output_shapes)
        return NOT_REACHED if self._not_reached(row) else ""

    def _not_reached(self, row: Row) -> bool:
        # What the failure is inside of was reached, but has no output.
        around = self._failed is not None and row.index <= self._failed < row.index + row.subtree
        return self._traced and not row.reached and not around

    @property
    def _run(self) -> Run | None:
        at = self.row_at
        return self._folds.run_at(at) if at is not None else None

    def _find_blocks(self, before: TreeFolds | None) -> None:
        """Look for blocks that repeat, where they are to be folded; fold what was folded `before`."""
        assert self.table is not None
        runs = runs_of(self.table) if self.fold_blocks else []
        self._differing = differing(runs)
        self._folds = TreeFolds(self.table.rows, runs, self.show_functions, before)

    def _indentation(self, line: int, width: int) -> int:
        # Deep rows keep half of the column for their name.
        room = max(0, width - self._gutter)
        return min(self._folds.depth(line) * INDENT, room // 2 // INDENT * INDENT)

    def _name_width(self) -> int:
        return self.widths[0] if self.widths else 0

    def _relay(self, at: int | None = None) -> None:
        self._folds.lay()
        lines = self._folds.lines
        self.rebuild(lines.index(self._folds.on_show(at)) if at is not None and lines else None)

    def _measure(self) -> list[Column]:
        assert self.table is not None
        folds, rows = self._folds, self.table.rows[:MEASURED]

        def behind(line: int, name: str) -> str:
            return " " * (self._gutter + INDENT * folds.depth(line) + 2) + name

        runs = [behind(line, run.title) for line, run in zip(folds.run_lines(), folds.runs, strict=True)][:MEASURED]
        names = [behind(row.index, row.name or row.type) for row in rows]
        name = longest([*names, *runs], 14, 36)
        least_mark = 6 if self._failed is not None else 5 if runs else 0
        marks = [self._marked(row) for row in rows]
        telling = bool(least_mark) or any(text not in ("", FILLED) for text in marks)
        columns = tree_columns(rows, name, longest(runs, min(name, 20), 36), longest(marks, least_mark, 24), telling)
        return [replace(columns[0], title=" " * self._gutter + columns[0].title), *columns[1:]]


def _module(row: Row) -> Cell:
    if row.kind == "function" and row.source:
        return [(row.source.text.strip(), "muted")]
    hyperparameters = f"({row.hyperparameters})" if row.hyperparameters else ""
    return [(row.type, "kind"), (hyperparameters, "muted")]
