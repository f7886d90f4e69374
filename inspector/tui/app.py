"""The terminal application: a tree of the model, panels beside it, and what the user does with both."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from inspector.core import key_spelling
from inspector.core.errors import RequestError
from inspector.core.export import ExportSettings
from inspector.core.findings import CheckReport, Finding
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.results import CloneReport, EditReport, ForwardReport
from inspector.core.table import ModelTable, Row, Tensor
from inspector.core.wording import duration, printable, size_in_bytes, source_place
from inspector.tui.action import bindings, bindings_at_stop
from inspector.tui.actions import ACTIONS, APP_ACTIONS
from inspector.tui.comparing import Difference
from inspector.tui.conversation import Conversation
from inspector.tui.field_panel import FieldPanel
from inspector.tui.finding_list import FindingList
from inspector.tui.key_line import KeyLine
from inspector.tui.keys_here import with_keys
from inspector.tui.log_view import LogView
from inspector.tui.looking import show_log
from inspector.tui.module_tree import ModuleTree
from inspector.tui.page import MUTED
from inspector.tui.row_marks import failed_row
from inspector.tui.row_view import RowView
from inspector.tui.run_list import RunList
from inspector.tui.search import SearchBar
from inspector.tui.side import PanelTabs, Side
from inspector.tui.status import ActivityLine, ModelLine
from inspector.tui.step_actions import STEP_ACTIONS
from inspector.tui.step_panel import StepPanel
from inspector.tui.stepping import Stepping
from inspector.tui.tensor_list import TensorList
from inspector.tui.view import Spelling, View
from inspector.worker.client import Client
from inspector.worker.protocol import Open, Request, Trace, WorkerState

NO_PASS = ("no-input", "not-run")
"""Codes of the notes that say why there are no shapes."""


class NNInspectApp(App[int]):
    """One model, looked at and changed through a client; the model itself lives elsewhere."""

    TITLE = "nninspect"
    CSS_PATH = "nninspect.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_at_stop(STEP_ACTIONS), *bindings((*STEP_ACTIONS, *APP_ACTIONS))]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]

    opening: Static
    module_tree: ModuleTree
    side: Side
    log_view: LogView
    search_bar: SearchBar
    model_line: ModelLine
    activity: ActivityLine
    key_line: KeyLine

    def __init__(self, client: Client, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.client = client
        self.conversation = Conversation(self, client)
        self.table: ModelTable | None = None
        self.inputs: list[InputSpec] = list(recipe.inputs)
        """The inputs of every pass; empty as long as they are worked out."""
        self.report: ForwardReport | None = None
        self.report_is_old = False
        self.clone: CloneReport | None = None
        self.memory: MemoryReport | None = None
        self.check: CheckReport | None = None
        self.check_is_old = False
        self.memory_settings = MemorySettings()
        self.stepping: Stepping = Stepping(self)
        self.difference: Difference | None = None
        """The last comparison, and how it is looked at; kept until the model changes."""
        self.export_settings: ExportSettings | None = None
        """Of the last export."""
        self.changed: dict[int, list[str]] = {}
        """The keys that the n-th edit of the journal changed, where it was made here."""
        self.can_undo = bool(client.journal.done)
        self.can_redo = bool(client.journal.undone)
        self.spelling: Spelling = "here"
        self.wrapped: frozenset[str] = frozenset()
        self.tensor_key: str | None = None
        self.output_key = ""
        """The value whose row shows it instead of a tensor of its own."""
        self.zoomed: str | None = None
        self.look_due = False

    def compose(self) -> ComposeResult:
        """The model's line, tree and panels, log, search, what is going on, keys."""
        # Kept as attributes: a query would look in the dialog while one is open.
        self.model_line = ModelLine(self.recipe, id="model")
        self.opening = Static(self._what_is_opening(), id="opening", markup=False)
        self.module_tree = ModuleTree(id="tree")
        self.side = Side(id="side")
        self.log_view = LogView(id="log")
        self.search_bar = SearchBar(id="search")
        self.activity = ActivityLine(id="activity")
        self.key_line = KeyLine(id="keys")
        yield self.model_line
        with Container(id="body"):
            with Container(id="left"):
                yield self.opening
                yield self.module_tree
            yield self.side
        yield self.log_view
        yield self.search_bar
        yield self.activity
        yield self.key_line

    def _what_is_opening(self) -> Content:
        recipe = self.recipe
        facts = [
            ("weights", recipe.weights or ""),
            ("arguments", recipe.arguments),
            ("device", recipe.device or ""),
            ("input", ", ".join(map(str, recipe.inputs))),
        ]
        lines = [("loading torch…\n\n", MUTED), (f"{printable(recipe.target)}\n", "bold")]
        lines += [(f"{label} {printable(text)}\n", "") for label, text in facts if text]
        return Content.assemble(*lines)

    def on_mount(self) -> None:
        """Start the worker; the first frame does not wait for it."""
        self.module_tree.display = False
        self.log_view.display = False
        self.search_bar.display = False
        self.module_tree.focus()
        self.conversation.spawn(self._begin())

    async def _begin(self) -> None:
        try:
            await self.conversation.start()
        except RequestError as problem:
            self.tell("There is no worker", str(problem))
        else:
            await self.open_model()

    async def open_model(self, recipe: Recipe | None = None) -> None:
        """Open the recipe, or another one that takes its place: the structure at once, then shapes by a pass."""
        wanted = recipe or self.recipe
        table = await self.conversation.ask(Open(recipe=wanted), f"opening {wanted.target}")
        if table is None:
            self.opening.update("Nothing is open. R tries again, L shows what was printed, q quits.")
            return
        self.recipe = wanted
        self.stepping.forget()
        self.report = self.clone = self.memory = self.check = self.difference = None
        self.changed.clear()
        self.can_undo, self.can_redo = bool(self.client.journal.done), False
        self.show_table(table)
        if table.model.framework != "file":
            await self.trace()

    async def trace(self) -> None:
        """Work out shapes and receptive fields for the inputs chosen."""
        table = await self.conversation.ask(Trace(inputs=self.inputs), "working out shapes")
        if table is not None:
            self.show_table(table)
            self.go_to_failure()

    def trace_again(self) -> None:
        """The same, without waiting."""
        self.conversation.spawn(self.trace())

    def show_table(self, table: ModelTable) -> None:
        """Show what is known now."""
        first = self.table is None
        if self.memory is not None and len(self.memory.rows) != len(table.rows):
            self.memory = None
        self.table = table
        self.wrapped = key_spelling.wrapped_paths(table.rows)
        self.opening.display = False
        self.module_tree.display = True
        self.model_line.show(table)
        self.module_tree.root_name = self.root_name
        self._show_tree(table)
        if first and self.focused is None:
            self.module_tree.focus()
        self.side.forget()
        self.look()
        self.refresh_bindings()

    def show_edit(self, report: EditReport) -> None:
        """Show the model after a change, an undo or a redo."""
        self.report_is_old = self.check_is_old = True
        self.clone = self.memory = self.difference = None
        done = self.client.journal.done
        if done and done[-1] is report.edit:
            self.changed[len(done)] = report.keys
        self.can_undo, self.can_redo = report.can_undo, report.can_redo
        self.show_table(report.table)
        self.say(report.message, "$text-success")

    def show_report(self, report: ForwardReport) -> None:
        """Show a real pass."""
        self.report, self.report_is_old = report, False
        # Values of the pass before.
        self.side.forget()
        self.show_table(report.table)
        self.side.open("activations")
        first = report.first_nonfinite
        if first is not None:
            at = f", {source_place(first.source)}" if first.source else ""
            self.say(f"first NaN or Inf in {first.path or 'the root'}{at}", "$text-error")
        else:
            self.say(f"the pass took {duration(report.seconds)}, seed {report.seed}", "$text-success")
        self.go_to_failure()

    def show_memory(self, report: MemoryReport) -> None:
        """Show the figures of memory."""
        self.memory = report
        self.module_tree.go_to(0)
        self.side.open("overview")
        self.look()
        peaks = ((report.training, "training"), (report.inference, "inference"))
        told = [f"{what} takes {size_in_bytes(peak.bytes)} at most" for peak, what in peaks if peak is not None]
        self.say(", ".join(told), "$text-success")

    def show_check(self, report: CheckReport) -> None:
        """Show what was found, and mark it in the tree."""
        assert self.table is not None
        self.check, self.check_is_old = report, False
        self._show_tree(self.table)
        self.side.open("check")
        self.look()
        self.say(report.outcome, "$text-warning" if report.findings else "$text-success")

    def show_stepping(self) -> None:
        """Show whether and where a pass waits, and what can be done then."""
        self.activity.waits = self.stepping.waits
        self.key_line.refresh()
        self.module_tree.screen.set_class(self.stepping.waits, "-stepping")
        self.refresh_bindings()
        self.look()

    def _show_tree(self, table: ModelTable) -> None:
        # Marks of what was found before a change could be wrong now.
        found = self.check.findings if self.check is not None and not self.check_is_old else []
        self.module_tree.show(table, found)
        self.stepping.mark()

    def go_to_finding(self, finding: Finding) -> None:
        """Put the cursor on the row that a finding is about, and choose its tensor where it is about one."""
        self.module_tree.go_to_finding(finding)
        self.tensor_key = finding.path

    def go_to_failure(self) -> None:
        """Put the cursor where the pass failed, and say why in the panel; where there was no pass, say why."""
        assert self.table is not None
        failed = failed_row(self.table)
        if failed is None:
            for note in self.table.notes:
                if note.code in NO_PASS:
                    self.say(with_keys(note.message), "$text-warning")
            return
        self.module_tree.go_to_row(failed)
        self.side.open("overview")
        failure = self.table.failure
        if failure:
            self.say(f"{failure.type} at {failure.path or 'the root'}: {failure.message}", "$text-error")

    @property
    def root_name(self) -> str:
        """What the tree calls the model in the spelling chosen."""
        name = self.table.model.name if self.table else ""
        return key_spelling.spell("", self.wrapped, as_saved=True) or name if self.spelling == "saved" else name

    @property
    def row(self) -> Row | None:
        """The row looked at."""
        return self.module_tree.current

    @property
    def looked_at(self) -> Tensor | None:
        """What the values are shown of: the tensor chosen, else the first of the row's own, else its output."""
        view = self.view()
        return view.looked_at if view else None

    def view(self) -> View | None:
        """What the panels look at; None before there is a table."""
        table, row = self.table, self.module_tree.current
        if table is None or row is None:
            return None
        view = View(
            table=table,
            row=row,
            failed=failed_row(table) == row.index,
            repetition=self.module_tree.repetition,
            output_first=bool(row.values) and row.values[0] == self.output_key,
            report=self.report,
            report_is_old=self.report_is_old,
            clone=self.clone,
            memory=self.memory,
            check=self.check,
            check_is_old=self.check_is_old,
            stepped=self.stepping.now,
            spelling=self.spelling,
            wrapped=self.wrapped,
        )
        tensors = view.tensors
        chosen = next((one for one in tensors if one.key == self.tensor_key), None)
        return view.with_tensor(chosen or next(iter(view.own_tensors or tensors), None))

    def look(self) -> None:
        """Draw the panel on show, once for however many reasons."""
        if not self.look_due:
            self.look_due = True
            self.call_after_refresh(self._look)

    def _look(self) -> None:
        self.look_due = False
        view = self.view()
        if view is not None:
            self.side.look_at(view)

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """The tree's cursor chooses the row, so does the run's; the list's of tensors the tensor."""
        if event.view is self.module_tree:
            self.look()
        elif isinstance(event.view, TensorList) and event.view.current is not None:
            self.tensor_key = event.view.current.key
            self.look()
        elif isinstance(event.view, RunList) and event.view.has_focus and event.view.current_row is not None:
            self.module_tree.go_to_same(event.view.current_row)
        elif isinstance(event.view, FindingList) and event.view.has_focus:
            if isinstance(event.view.current, Finding):
                self.go_to_finding(event.view.current)
            self.look()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter on a row goes to its panel, on a tensor to its values, on a finding to its row."""
        if isinstance(event.view, FindingList):
            if isinstance(event.view.current, Finding):
                self.go_to_finding(event.view.current)
                self.look()
                self.module_tree.focus()
            return
        if isinstance(event.view, TensorList):
            self.side.open("values")
        self.focus_panel()

    def on_field_panel_row_wanted(self, event: FieldPanel.RowWanted) -> None:
        """A layer was chosen in the chart of fields."""
        self.module_tree.go_to_row(event.row)

    def on_step_panel_asked(self, event: StepPanel.Asked) -> None:
        """An expression was typed at a stop."""
        self.stepping.evaluate(event.expression)

    def on_side_wanted(self, event: Side.Wanted) -> None:
        """A panel lacks an answer."""
        self.conversation.want_detail(event.request)

    def keep_detail(self, request: Request[Any], answer: Any) -> None:
        """An answer for a panel has come."""
        self.side.keep(request, answer)

    def on_panel_tabs_pressed(self, event: PanelTabs.Pressed) -> None:
        """A tab was clicked."""
        self.side.open(event.panel)

    def on_search_bar_found(self, event: SearchBar.Found) -> None:
        """The search met a row."""
        self.module_tree.go_to_row(event.row)

    def on_search_bar_left(self, event: SearchBar.Left) -> None:
        """The search is over; keys are keys again."""
        self.search_bar.display = False
        self.module_tree.focus()

    def say(self, text: str, style: str = "") -> None:
        """Say something on the line at the bottom, and keep it in the log."""
        if (text, style) != self.activity.message:
            self.activity.message = (text, style)
            self.log_view.say(text, style)

    def tell(self, title: str, sentence: str) -> None:
        """Say something that must be read before going on."""
        from inspector.tui.message import MessageScreen

        sentence = with_keys(sentence)
        self.say(sentence, "$text-error")
        self.push_screen(MessageScreen(title, sentence), self._after_message)

    def _after_message(self, to_log: bool | None) -> None:
        if to_log:
            show_log(self)

    def show_doing(self, doing: str) -> None:
        """Say what is being done, "" for nothing."""
        self.activity.doing = doing
        self.refresh_bindings()

    def show_worker(self, event: WorkerState) -> None:
        """Say how the worker is."""
        self.activity.worker = "" if event.state == "ready" else event.text or event.state
        if event.state == "lost":
            self.stepping.forget()
            self.say(event.text, "$text-error")

    def log_line(self, line: str) -> None:
        """Keep a line that the model's code printed."""
        self.log_view.add(line)

    def focus_panel(self) -> None:
        """Give the keyboard to the panel on show."""
        panel = self.side.query_one(f"#{self.side.current}")
        on_show = [widget for widget in (panel, *panel.query("*")) if widget.focusable and widget.display]
        targets = [widget for widget in on_show if widget.id != "index"]
        if targets:
            targets[0].focus()

    def rows_in_focus(self) -> RowView:
        """The list that has the keyboard, else the tree."""
        return self.focused if isinstance(self.focused, RowView) else self.module_tree

    def action_do(self, id: str) -> None:
        """Carry out one of the actions."""
        action = ACTIONS[id]
        why_not = action.why_not(self)
        if why_not:
            self.say(f"{action.title}: {why_not}", "$text-warning")
        else:
            action.run(self)

    def action_do_at_stop(self, id: str) -> None:
        """Carry out one of the actions by the key that it has only while a pass waits."""
        self.action_do(id)

    def action_help_quit(self) -> None:
        """ctrl+c, which ends other programs: stop what is running, else say how to leave."""
        if self.conversation.can_cancel:
            self.conversation.cancel()
        else:
            self.say("q leaves; ctrl+c stops what is running, and nothing is", "$text-warning")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does this now.

        Keys that are taken before widgets do not reach through a dialog: tab walks through its fields there. Where no
        pass waits, the keys that step through one do what they do otherwise.
        """
        if action == "do_at_stop":
            return self.stepping.is_on and not self.screen.is_modal
        return action != "do" or not self.screen.is_modal

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, and the themes."""
        yield SystemCommand("Theme", "Change the colours.", self.action_change_theme)
        for action in ACTIONS.values():
            if not action.why_not(self) and not screen.is_modal:
                yield SystemCommand(action.title, action.help, partial(self.action_do, action.id))


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(client: Client, recipe: Recipe) -> int:
    """Run the application until the user leaves; returns the exit status.

    Signals that end a program leave it as the quit key does, so that the terminal is usable afterwards; the worker is
    closed.
    """
    return asyncio.run(_run(client, recipe))


async def _run(client: Client, recipe: Recipe) -> int:
    app = NNInspectApp(client, recipe)
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
    try:
        await app.run_async()
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)
        await client.close()
    return app.return_code or 0
