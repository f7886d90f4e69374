"""The terminal application: a tree of the model, panels beside it, and what the user does with both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from inspector.core import key_spelling
from inspector.core.device_budgets import PlanSettings
from inspector.core.export import ExportSettings
from inspector.core.findings import CheckReport
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.results import CloneReport, ForwardReport
from inspector.core.row_order import SortKey
from inspector.core.settings import Settings, Spelling
from inspector.core.table import ModelTable, Row, Tensor
from inspector.core.tensor_places import TensorPlaces
from inspector.core.workspace import Resumed
from inspector.files.settings_file import SettingsFile
from inspector.tui import acting, pointing
from inspector.tui.action import bindings
from inspector.tui.actions import ACTIONS, APP_ACTIONS
from inspector.tui.arranging import Arranging
from inspector.tui.comparing import Difference
from inspector.tui.conversation import Conversation
from inspector.tui.copying import copy
from inspector.tui.crumbs import Crumbs
from inspector.tui.dressed_app import Appearance, TooSmall
from inspector.tui.field_panel import FieldPanel
from inspector.tui.filter_bar import FilterBar
from inspector.tui.kept_run import TwoRuns
from inspector.tui.key_line import KeyLine
from inspector.tui.keys_here import keyed, use_keys_of
from inspector.tui.log_view import LogView
from inspector.tui.looked_at import view_of
from inspector.tui.mistakes import caught
from inspector.tui.module_tree import ModuleTree
from inspector.tui.mouse import RIGHT
from inspector.tui.opening import begin, what_is_opening
from inspector.tui.remembering import Remembering
from inspector.tui.row_view import RowView
from inspector.tui.search import SearchBar
from inspector.tui.settings_in_force import take_up_settings
from inspector.tui.side import PanelTabs, Side
from inspector.tui.status import ActivityLine, ModelLine
from inspector.tui.step_actions import STEP_ACTIONS
from inspector.tui.step_panel import StepPanel
from inspector.tui.stepping import Stepping
from inspector.tui.terminal_app import TerminalApp
from inspector.tui.view import View
from inspector.worker.client import Client
from inspector.worker.protocol import Request, WorkerState

SECONDS_BETWEEN_TIMES = 0.5


class NNInspectApp(TerminalApp):
    """One model, looked at and changed through a client; the model itself lives elsewhere."""

    TITLE = "nninspect"
    CSS_PATH = "nninspect.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings((*STEP_ACTIONS, *APP_ACTIONS))

    opening: Static
    module_tree: ModuleTree
    side: Side
    search_bar: SearchBar
    filter_bar: FilterBar
    model_line: ModelLine
    crumbs: Crumbs
    key_line: KeyLine

    def __init__(
        self,
        client: Client,
        recipe: Recipe,
        resumed: Resumed | None = None,
        appearance: Appearance | None = None,
        chosen: SettingsFile | None = None,
        remembers: bool = False,
    ) -> None:
        """`chosen` are the settings of the person at the terminal; without them everything is as it comes.

        `remembers`: what is on show is as it was last, and kept for the next time, as far as the settings allow.

        Raises RequestError where they name a theme or an action that there is not, or the same key twice.
        """
        super().__init__(appearance)
        self.settings = chosen.settings if chosen is not None else Settings()
        self.actions = take_up_settings(self, chosen) if chosen is not None else ACTIONS
        """Every action by its id, with its keys in force."""
        use_keys_of(self.actions)
        self.remembering = Remembering(self) if remembers and self.settings.remember else None
        self._resumed = resumed
        """What is taken up once the model is open."""
        self.workspace_path = resumed.path if resumed is not None else None
        """The file that the workspace was read from, or written to last."""
        self.recipe = recipe
        self.client = client
        self.conversation = Conversation(self, client)
        self.table: ModelTable | None = None
        self.places: TensorPlaces | None = None
        self.inputs: list[InputSpec] = list(recipe.inputs)
        """The inputs of every pass; empty as long as they are worked out."""
        self.report: ForwardReport | None = None
        self.report_is_old = False
        self.kept: ForwardReport | None = None
        """The pass that the next one is compared with."""
        self.two_runs: TwoRuns | None = None
        self.clone: CloneReport | None = None
        self.memory: MemoryReport | None = None
        self.plan: PlacementPlan | None = None
        self.plan_settings = PlanSettings()
        """Of the last plan."""
        self.check: CheckReport | None = None
        self.check_is_old = False
        self.memory_settings = MemorySettings()
        self.stepping: Stepping = Stepping(self)
        self.arranging = Arranging(self)
        self.difference: Difference | None = None
        """The last comparison, and how it is looked at; kept until the model changes."""
        self.export_settings: ExportSettings | None = None
        """Of the last export."""
        self.changed: dict[int, list[str]] = {}
        """The keys that the n-th edit of the journal changed, where it was made here."""
        self.written: set[str] = set()
        """Journals that this session wrote."""
        self.can_undo = bool(client.journal.done)
        self.can_redo = bool(client.journal.undone)
        self.spelling: Spelling = self.settings.spelling
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
        self.opening = Static(what_is_opening(self.recipe), id="opening", markup=False)
        self.crumbs = Crumbs(id="crumbs")
        self.module_tree = ModuleTree(id="tree")
        self.module_tree.show_functions = self.settings.functions
        self.module_tree.sparklines = self.settings.sparklines
        self.side = Side(id="side")
        self.log_view = LogView(id="log")
        self.search_bar = SearchBar(id="search")
        self.filter_bar = FilterBar(id="filtering")
        self.activity = ActivityLine(id="activity")
        self.key_line = KeyLine(id="keys")
        yield TooSmall(id="too-small")
        yield self.model_line
        yield self.crumbs
        with Container(id="body"):
            with Container(id="left"):
                yield self.opening
                yield self.module_tree
            yield self.side
        yield self.log_view
        yield self.search_bar
        yield self.filter_bar
        yield self.activity
        yield self.key_line

    def on_mount(self) -> None:
        """Start the worker; the first frame does not wait for it."""
        self.module_tree.display = False
        self.log_view.display = False
        self.search_bar.display = self.filter_bar.display = False
        self.module_tree.focus()
        self.set_interval(SECONDS_BETWEEN_TIMES, self.conversation.show_activity)
        self.conversation.spawn(begin(self, self._resumed))

    def show_table(self, table: ModelTable) -> None:
        """Show what is known now."""
        first = self.table is None
        if self.memory is not None and len(self.memory.rows) != len(table.rows):
            self.memory = None
        if self.plan is not None and len(self.plan.rows) != len(table.rows):
            self.plan = None
        self.table = table
        if self.places is None or self.places.table is not table:
            self.places = TensorPlaces(table)
        self.wrapped = key_spelling.wrapped_paths(table.rows)
        self.opening.display = False
        self.module_tree.display = True
        self.model_line.show(table)
        self.module_tree.root_name = self.root_name
        self.show_tree()
        if first and self.focused is None:
            self.module_tree.focus()
        self.side.forget()
        self.look()
        self.refresh_bindings()

    def show_stepping(self) -> None:
        """Show whether and where a pass waits, and what can be done then."""
        self.activity.waits = self.stepping.waits
        self.key_line.refresh()
        self.module_tree.screen.set_class(self.stepping.waits, "-stepping")
        self.refresh_bindings()
        self.look()

    def show_tree(self) -> None:
        """Draw the tree anew, with what is known of its rows."""
        assert self.table is not None
        # Marks of what was found before a change could be wrong now.
        found = self.check.findings if self.check is not None and not self.check_is_old else []
        self.module_tree.show_runs(self.report, self.report_is_old)
        self.module_tree.show(self.table, found, self.plan)
        self.stepping.mark()

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
        return view_of(self)

    def look(self) -> None:
        """Draw the panel on show, once for however many reasons.

        Not after a refresh: a screen that is covered, or that goes, keeps what waits for its next one.
        """
        if not self.look_due:
            self.look_due = True
            self.call_later(self._look)

    def _look(self) -> None:
        self.look_due = False
        with caught(self):
            view = self.view()
            if view is not None:
                self.side.look_at(view)
                self.crumbs.show(view.table, view.row, self.root_name)

    def on_crumbs_chosen(self, event: Crumbs.Chosen) -> None:
        """A module above the row was clicked."""
        self.module_tree.go_to_row(event.row)

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """A list's cursor is on another row."""
        pointing.cursor_moved(self, event.view)

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """A list's row was chosen."""
        pointing.row_chosen(self, event.view)

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
        self.module_tree.go_to_same(event.row, event.as_run)

    def on_search_bar_left(self, event: SearchBar.Left) -> None:
        """The search is over; keys are keys again."""
        self.search_bar.display = False
        self.module_tree.mark_sought(())
        self.module_tree.focus()

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        """Another filter was typed."""
        self.arranging.show_only(event.filter)

    def on_filter_bar_left(self, event: FilterBar.Left) -> None:
        """The filter is kept, or there is none."""
        self.filter_bar.display = bool(self.filter_bar.text.strip())
        self.module_tree.focus()

    def on_module_tree_filtered_out(self, event: ModuleTree.FilteredOut) -> None:
        """A row is to be gone to that the filter leaves out: the filter gives way."""
        self.filter_bar.clear()
        self.arranging.when_done(lambda: self.module_tree.go_to_row(event.row))

    def on_module_tree_relaid(self, event: ModuleTree.Relaid) -> None:
        """What is filtered, sorted and found is worked out again for the rows that there are now."""
        if event.tree is self.module_tree:
            self.search_bar.again()
            if self.arranging.is_on:
                self.arranging.again()

    def on_row_view_title_clicked(self, event: RowView.TitleClicked) -> None:
        """Sort the tree by the column that was clicked on; other lists sort themselves."""
        if event.view is self.module_tree:
            self.arranging.sort_by(cast(SortKey, event.key))

    def show_doing(self, doing: str) -> None:
        """Say what is being done, "" for nothing."""
        if bool(doing) != bool(self.activity.doing):
            self.refresh_bindings()
        self.activity.doing = doing

    def show_worker(self, event: WorkerState) -> None:
        """Say how the worker is."""
        self.activity.worker = "" if event.state == "ready" else event.text or event.state
        if event.state == "lost":
            self.stepping.forget()
            self.say(event.text, "$text-error")

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
        acting.do(self, id)

    def action_do_at_stop(self, id: str) -> None:
        """Carry out one of the actions by the key that it has only while a pass waits."""
        acting.do(self, id)

    def on_key(self, event: events.Key) -> None:
        """A key came this far, taken or not."""
        if not self.screen.is_modal:
            acting.note_key(self, event.key)

    def on_click(self, event: events.Click) -> None:
        """The right button opens the menu of what can be done there."""
        if event.button == RIGHT and not self.screen.is_modal:
            acting.do(self, "menu")

    def action_help_quit(self) -> None:
        """ctrl+c, which ends other programs: stop what is running, else say how to leave."""
        if self.conversation.can_cancel:
            self.conversation.cancel()
        else:
            self.say(keyed("{quit} leaves; ctrl+c stops what is running, and nothing is"), "$text-warning")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does this now."""
        return acting.is_taken(self, action, parameters)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action."""
        return acting.in_palette(self) if not screen.is_modal else ()

    def copy_to_clipboard(self, text: str) -> None:
        """Bring a text into the person's clipboard, and say how."""
        copy(self, text)

    def leaving(self) -> None:
        """Keep what is to be there the next time."""
        if self.remembering is not None:
            self.remembering.keep()
