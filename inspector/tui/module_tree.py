"""The tree of modules and the functions called between them, over the flat table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.message import Message

from inspector.core import wording
from inspector.core.findings import Finding
from inspector.core.load_states import FILLED
from inspector.core.placement import PlacementPlan
from inspector.core.repeated_blocks import Run, differing, runs_of
from inspector.core.results import ForwardReport
from inspector.core.row_facts import has_parts_that_ran
from inspector.core.row_order import Arrangement, SortKey
from inspector.core.table import ModelTable, Row
from inspector.core.workspace import TreeState, place_of
from inspector.tui.cells import Cell, Column
from inspector.tui.cost_cells import flops_cell
from inspector.tui.row_marks import RowMarks
from inspector.tui.row_view import RowView
from inspector.tui.sparklines import CELLS, WIDE, sparkline_cell
from inspector.tui.tree_columns import MEASURED, NOT_REACHED, longest, place, tree_columns
from inspector.tui.tree_folds import Folded, Outline, TreeFolds
from inspector.tui.tree_indentation import TreeIndentation

FOLDED, UNFOLDED = "▸", "▾"
BREAKPOINT, STOP = "●", "▶"
GUTTER = 3
FIGURES = 8
DRAWN_AT = 5
"""Behind which columns the outputs are drawn."""


class ModuleTree(RowView):
    """Rows of a `ModelTable` by nesting, with parameters, output shapes and receptive fields.

    Its lines are numbered as those of `TreeFolds`: rows of the table, and behind them runs of blocks that repeat.
    """

    @dataclass
    class FilteredOut(Message):
        """A row is to be gone to that a filter leaves out."""

        tree: ModuleTree
        row: int

        @property
        def control(self) -> ModuleTree:
            """The tree it comes from."""
            return self.tree

    @dataclass
    class Relaid(Message):
        """Other rows may be on show, those without a filter and in their own order among them."""

        tree: ModuleTree

        @property
        def control(self) -> ModuleTree:
            """The tree it comes from."""
            return self.tree

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table: ModelTable | None = None
        self.show_functions = True
        self.fold_blocks = False
        """Whether blocks that repeat have one line for all of them; in a file they have at first."""
        self.root_name = ""
        """What the root is called; the model's name, or that under the wrapper it is saved from."""
        self._known_runs: tuple[ModelTable, list[Run]] | None = None
        """Of the table that they were looked for in last."""
        self._known_outline = Outline([])
        self._total_flops = 0
        self._failed: int | None = None
        self._marks: RowMarks | None = None
        self._traced = False
        self._folds = TreeFolds(Outline([]), [], True, None)
        self._unfiltered = self._folds
        """The same without a filter; where there is none, the very same."""
        self._matching: frozenset[int] = frozenset()
        self._sought: frozenset[int] = frozenset()
        """The rows that a search finds."""
        self._sorted_by: SortKey = "order"
        self._figures: Callable[[Row], float | None] | None = None
        """What rows are sorted by, where no column has it."""
        self._differing: dict[int, tuple[Run, str]] = {}
        """Rows that differ from the blocks of a run, and how."""
        self._measured: list[Column] = []
        self._indentation = TreeIndentation()
        self._stop: int | None = None
        """The row at which a pass waits."""
        self._breakpoints: frozenset[int] = frozenset()
        self._report: ForwardReport | None = None
        self._report_is_old = False
        self.sparklines: bool | None = None
        """Whether outputs are drawn; None for where there is room."""

    def show(self, table: ModelTable, findings: Sequence[Finding] = (), plan: PlacementPlan | None = None) -> None:
        """Show a table with findings and a plan; folds and cursor stay where the rows are the same as before."""
        was_at = place_of(self.current) if self.current is not None else None
        was_run = self.is_at_run
        if self.table is None:
            self.fold_blocks = table.model.framework == "file"
        before = self._unfiltered.state if self.table is not None else None
        self.table = table
        self._traced = any(row.reached for row in table.rows)
        self._marks = RowMarks(table, findings, plan)
        self._failed = self._marks.failed
        self._total_flops = table.totals.flops or 0
        self._find_blocks(before)
        self._measured = self._measure()
        same = next((row.index for row in table.rows if place_of(row) == was_at), 0) if was_at else 0
        self._relay(self._folds.run_of.get(same, same) if was_run else same)

    async def prepare(self, table: ModelTable) -> None:
        """Find out beforehand what `show` needs to know of a table."""
        self._known_outline = await asyncio.to_thread(Outline, table.rows)
        if table.model.framework == "file" if self.table is None else self.fold_blocks:
            await self.look_for_blocks(table)

    async def look_for_blocks(self, table: ModelTable) -> None:
        """Find the blocks of a table that repeat before it is shown; in a large one that takes longer than a frame."""
        if table.rows and (self._known_runs is None or self._known_runs[0] is not table):
            self._known_runs = (table, await asyncio.to_thread(runs_of, table))

    @property
    def state(self) -> TreeState:
        """What is on show, and where the cursor is."""
        folded = self._unfiltered.state
        return TreeState(
            folded=sorted(folded.rows, key=str),
            open_blocks=sorted(folded.open_runs, key=str),
            cursor=place_of(self.current) if self.current is not None else None,
            show_functions=self.show_functions,
            fold_blocks=self.fold_blocks,
        )

    def take_up(self, state: TreeState) -> None:
        """Show what was on show then, as far as the rows are there."""
        if self.table is None:
            return
        self.show_functions, self.fold_blocks = state.show_functions, state.fold_blocks
        self._find_blocks(Folded(rows=frozenset(state.folded), open_runs=frozenset(state.open_blocks)))
        self._measured = self._measure()
        self._relay(next((row.index for row in self.table.rows if place_of(row) == state.cursor), 0))

    def go_to_row(self, line: int) -> None:
        """Unfold what hides a line and put the cursor on it; a hidden function gives the module that calls it.

        With a filter, which leaves no lines for runs, that of a run gives the first of its blocks.
        """
        row = self._unfiltered.row_at(line)
        if row.kind == "function" and not self.show_functions:
            row = self._unfiltered.rows[row.parent or 0]
            line = row.index
        if self._folds.is_left_out(row.index):
            self.post_message(self.FilteredOut(self, line))
            return
        if self.is_filtered:
            line = row.index
        if self._folds.reveal(line):
            self._relay(line)
        else:
            self.go_to(self.lines().index(line))

    def go_to_same(self, row: Row, as_run: bool = False) -> None:
        """Go to the row that is the same as one of another table of this model, if there is one.

        `as_run`: to the line of the blocks that it is one of, where they have one.
        """
        rows, place = self._unfiltered.rows, place_of(row)
        same: int | None = row.index
        if row.index >= len(rows) or place_of(rows[row.index]) != place:
            same = next((one.index for one in rows if place_of(one) == place), None)
        if same is not None:
            self.go_to_row(self._unfiltered.run_of.get(same, same) if as_run else same)

    def go_to_finding(self, finding: Finding) -> None:
        """Go to the row that a finding is about."""
        if self._marks is not None:
            self.go_to_row(self._marks.places.row_of(finding.path))

    def show_as(self, arrangement: Arrangement) -> None:
        """Show the rows that a filter leaves, unfolded, and the children of each in another order."""
        at, was_run = self.current, self.is_at_run
        line = at.index if at is not None else 0
        self._sorted_by, self.descending = arrangement.key, arrangement.descending
        self._figures, self._matching = arrangement.figure, frozenset(arrangement.matching or ())
        self._unfiltered.order = arrangement.order
        self._folds = (
            self._unfiltered.filtered(arrangement.kept) if arrangement.matching is not None else self._unfiltered
        )
        self._relay(self._folds.run_of.get(line, line) if was_run else line)

    def mark_sought(self, rows: Iterable[int]) -> None:
        """Draw the names of these rows, which a search finds, so that they are seen."""
        self._sought = frozenset(rows)
        self._strips.clear()
        self.refresh()

    @property
    def is_filtered(self) -> bool:
        """Whether a filter leaves rows out."""
        return self._folds is not self._unfiltered

    @property
    def sorted_by(self) -> str:
        """The key of the order on show."""
        return "" if self._sorted_by == "order" else self._sorted_by

    def fold_to(self, depth: int) -> None:
        """Show the lines down to a depth, and none below."""
        at = self.row_at
        self._folds.fold_to(depth)
        self._relay(at)

    @property
    def deepest_shown(self) -> int:
        """How deep the deepest line on show stands."""
        return max((self._folds.row_at(line).depth for line in self.lines()), default=0)

    def sibling_of(self, row: int, by: int) -> int | None:
        """The next line below the same module, or the one before."""
        return self._folds.sibling(row, by)

    def mark_stops(self, stop: int | None, breakpoints: frozenset[int]) -> None:
        """Mark the row at which a pass waits, and those with breakpoints."""
        if (stop, breakpoints) != (self._stop, self._breakpoints):
            before = self._gutter
            self._stop, self._breakpoints = stop, breakpoints
            if self._gutter != before:
                self._measured = self._measure()
            self.rebuild()

    def show_runs(self, report: ForwardReport | None, is_old: bool) -> None:
        """From now on draw the outputs of this pass; `show` does it."""
        self._report, self._report_is_old = report, is_old

    def toggle_sparklines(self) -> bool:
        """Draw the distribution of every row's output, or not; whether it is drawn now."""
        self.sparklines = not self.draws_sparklines
        self.rebuild()
        return self.sparklines

    @property
    def draws_sparklines(self) -> bool:
        """Whether the outputs of a pass are drawn."""
        return self.app.size.width >= WIDE if self.sparklines is None else self.sparklines

    def on_resize(self) -> None:
        """There may be room for what was not drawn before."""
        if self._report is not None and list(self.columns()) != list(self._columns):
            self.rebuild()

    def toggle_functions(self) -> None:
        """Show or hide the functions called between modules."""
        self.show_functions = not self.show_functions
        self._folds.show_functions = self._unfiltered.show_functions = self.show_functions
        self._relay(self.row_at)
        self.post_message(self.Relaid(self))

    def toggle_blocks(self) -> int:
        """Fold blocks that repeat into one line, or show all of them again; how many such lines there are now."""
        at = self.current
        self.fold_blocks = not self.fold_blocks
        self._find_blocks(self._unfiltered.state)
        self._measured = self._measure()
        self._relay(at.index if at else None)
        return len(self._unfiltered.runs)

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
    def is_at_run(self) -> bool:
        """Whether the line under the cursor stands for blocks that repeat."""
        return self.row_at is not None and self._folds.run_at(self.row_at) is not None

    @property
    def position(self) -> float:
        """Where the cursor is among the table's rows: between two of them on a line for several."""
        current = self.current
        return -1 if current is None else current.index - (0.5 if self.is_at_run else 0)

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
        """Those measured on the table; outputs are drawn where there are any."""
        if not self._measured:
            return self._measured
        drawn = self._report is not None and self.draws_sparklines
        figures = Column(
            title=self.sorted_by, key=self.sorted_by, width=FIGURES if self._figures else 0, least=FIGURES, right=True
        )
        sparklines = Column(title="values", width=CELLS if drawn else 0, least=CELLS, priority=1)
        return [*self._measured[:DRAWN_AT], sparklines, *self._measured[DRAWN_AT:], figures]

    def fold_marker(self, row: int) -> int | None:
        """Behind the indentation, where the row has something on show below it."""
        if not self._folds.folds(row):
            return None
        return self._gutter + self._indentation.cells(self._folds.depth(row), self._room_for_name(self._name_width()))

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
        super().action_rows("toggle" if id == "choose" and self.is_at_run else id)

    def row_style(self, row: int) -> str:
        """Rows that the pass did not reach are pale, the one that failed stands out."""
        if row == self._failed:
            return "error"
        left_for_others = self.is_filtered and row not in self._matching
        return "muted" if left_for_others or self._not_reached(self._folds.row_at(row)) else ""

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """Name, module, marks, parameters, output and its values, receptive field, operations, place."""
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
            sparkline_cell(self._report, one, self._report_is_old),
            [(wording.receptive_field(one.receptive_field), "")],
            flops_cell(one.flops, self._total_flops, widths[7]),
            [(place(one), "muted")],
            [(self._figure(one), "number")],
        ]

    def _figure(self, row: Row) -> str:
        found = self._figures(row) if self._figures else None
        if found is None:
            return wording.UNKNOWN
        return wording.duration(found) if self._sorted_by == "time" else wording.size_in_bytes(int(found))

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
            [],
            [(place(first), "muted")],
            [],
        ]

    def _name_of_root(self, root: Row) -> str:
        return self.root_name or root.name or root.type

    def _name_cell(self, line: int, name: str, width: int) -> Cell:
        marker = (FOLDED if self._folds.folded(line) else UNFOLDED) if self._folds.folds(line) else " "
        style = "match" if line in self._sought else "name"
        if style == "name" and self._folds.row_at(line).kind == "function":
            style = "kind"
        return [
            *self._stop_marks(line),
            (self._indentation.text(self._folds.depth(line), self._room_for_name(width)), "muted"),
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
        # What the failure is inside of was reached, but has no output; of a list only the modules are called.
        around = self._failed is not None and row.index <= self._failed < row.index + row.subtree
        if not self._traced or row.reached or around or self.table is None:
            return False
        return not has_parts_that_ran(self.table, row)

    def _find_blocks(self, before: Folded | None) -> None:
        """Look for blocks that repeat, where they are to be folded; fold what was folded `before`."""
        assert self.table is not None
        runs = self._runs() if self.fold_blocks else []
        self._differing = differing(runs)
        order = self._unfiltered.order if self._unfiltered.rows is self.table.rows else None
        self._folds = self._unfiltered = TreeFolds(self._outline(), runs, self.show_functions, before)
        self._folds.order = order
        self.post_message(self.Relaid(self))

    def _outline(self) -> Outline:
        assert self.table is not None
        if self._known_outline.rows is not self.table.rows:
            self._known_outline = Outline(self.table.rows)
        return self._known_outline

    def _runs(self) -> list[Run]:
        assert self.table is not None
        if self._known_runs is None or self._known_runs[0] is not self.table:
            self._known_runs = (self.table, runs_of(self.table))
        return self._known_runs[1]

    def _room_for_name(self, width: int) -> int:
        return max(0, width - self._gutter)

    def _name_width(self) -> int:
        return self.widths[0] if self.widths else 0

    def _relay(self, at: int | None = None) -> None:
        self._folds.lay()
        lines = self._folds.lines
        shown = None if at is None or not lines else self._folds.on_show(at)
        self.rebuild(lines.index(shown) if shown is not None else None)

    def _measure(self) -> list[Column]:
        assert self.table is not None
        folds, rows = self._folds, self.table.rows[:MEASURED]

        names = [(folds.depth(row.index), row.name or row.type) for row in rows]
        titles = [(folds.depth(line), run.title) for line, run in zip(folds.run_lines(), folds.runs, strict=True)]
        titles = titles[:MEASURED]
        self._indentation = TreeIndentation([*names, *titles])
        name = max(14, self._gutter + self._indentation.wanted())
        least_name = max(min(name, 20), self._gutter + TreeIndentation(titles).wanted())
        least_mark = 6 if self._failed is not None else 5 if titles else 0
        marks = [self._marked(row) for row in rows]
        telling = bool(least_mark) or any(text not in ("", FILLED) for text in marks)
        columns = tree_columns(rows, name, least_name, longest(marks, least_mark, 24), telling)
        return [replace(columns[0], title=" " * self._gutter + columns[0].title), *columns[1:]]


def _module(row: Row) -> Cell:
    if row.kind == "function" and row.source:
        return [(row.source.text.strip(), "muted")]
    hyperparameters = f"({row.hyperparameters})" if row.hyperparameters else ""
    return [(row.type, "kind"), (hyperparameters, "muted")]
