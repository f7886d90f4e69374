"""The menu of what can be done where the keyboard or the mouse is: every action that applies, to choose."""

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core.wording import printable
from inspector.tui.action import Action, shown_keys
from inspector.tui.cells import Cell, Column
from inspector.tui.dressed_app import DressedApp
from inspector.tui.hint_line import HintLine
from inspector.tui.mouse import LEFT
from inspector.tui.row_view import RowView


class ActionList(RowView):
    """Actions by their keys and titles."""

    def __init__(self, actions: Sequence[Action], *, id: str) -> None:
        super().__init__(id=id)
        self.actions = actions

    def lines(self) -> Sequence[int]:
        """All of them."""
        return range(len(self.actions))

    def columns(self) -> Sequence[Column]:
        """Key, title, and what it does where there is room."""
        return [
            Column(title="key", width=12, least=6),
            Column(title="action", width=26, least=24),
            Column(title="what it does", width=60, least=20, priority=1, share=1),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """One action."""
        action = self.actions[row]
        return [
            [(shown_keys(action, cast(DressedApp, self.app).ascii), "kind")],
            [(action.title, "name")],
            [(action.help, "muted")],
        ]

    def on_click(self, event: events.Click) -> None:
        """One click does it."""
        # Textual goes on to the handler of every base class, and that of two clicks would do it once more.
        event.prevent_default()
        line = self.scroll_offset.y + event.y - 1
        if event.button == LEFT and event.y >= 1 and line < len(self.actions):
            self.go_to(line)
            self.action_rows("choose")


class MenuScreen(ModalScreen[str | None]):
    """Its result is the id of the action chosen; None where the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,full_stop", "dismiss", "Back")]

    def __init__(self, title: str, actions: Sequence[Action]) -> None:
        super().__init__()
        self._title = title
        self._actions = actions

    def compose(self) -> ComposeResult:
        """The list under its title."""
        with Vertical(id="dialog", classes="large"):
            yield Static(Content(printable(self._title)), id="title")
            yield ActionList(self._actions, id="actions")
            yield Static(id="about", markup=False)
            yield HintLine("enter does it · esc goes back", id="hint")

    def on_mount(self) -> None:
        """The keyboard is in the list."""
        rows = self.query_one(ActionList)
        rows.rebuild(0)
        rows.focus()

    def on_row_view_cursor_moved(self, event: RowView.CursorMoved) -> None:
        """Tell in full what the action does, for which its line may have no room; no list below follows this one."""
        event.stop()
        if event.row is not None:
            self.query_one("#about", Static).update(self._actions[event.row].help)

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Leave for the action."""
        event.stop()
        self.dismiss(self._actions[event.row].id)
