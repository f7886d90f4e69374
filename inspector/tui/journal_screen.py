"""The changes so far as a list to walk: what each changed, back to any of them and forward again, saved to a file."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from inspector.core.edits import Edit, Journal
from inspector.core.errors import RequestError
from inspector.core.wording import printable, things
from inspector.files.journals import read_journal, write_journal
from inspector.tui.hint_line import HintLine
from inspector.tui.lists import Options
from inspector.tui.page import MUTED, Page

HINT = "enter goes there · s saves the changes made · esc goes back"
KEYS_SHOWN = 6


class JournalScreen(ModalScreen[int | None]):
    """Every edit, made or undone; its result is how many of them are to be made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("s", "save", "Save"),
    ]

    def __init__(self, journal: Journal, changed: dict[int, list[str]], path: str, written: set[str]) -> None:
        """`written` are the journals of this session, which are replaced without asking."""
        super().__init__()
        self._journal = journal
        self._edits = [*journal.done, *reversed(journal.undone)]
        self._changed = changed
        self._path = path
        self._written = written
        self._asked = False

    def compose(self) -> ComposeResult:
        """The list, and what the edit under the cursor changed."""
        now = len(self._journal.done)
        lines = ["the model as it was opened", *map(_line, self._edits)]
        styles = ["bold" if number == now else MUTED if number > now else "" for number in range(len(lines))]
        options = [
            Option(Content.styled(f"{'▸' if number == now else ' '} {number:>3}  {line}", styles[number]))
            for number, line in enumerate(lines)
        ]
        with Vertical(id="dialog", classes="large"):
            yield Static(f"{things(now, 'change')} made, {len(self._edits) - now} undone", id="title", markup=False)
            yield Options(*options, id="fields", compact=True)
            yield Static("", id="of-edit", markup=False)
            yield HintLine(HINT, id="hint")

    def on_mount(self) -> None:
        """Begin where the model is."""
        edits = self.query_one(OptionList)
        edits.highlighted = len(self._journal.done)
        edits.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what this edit changed."""
        event.stop()
        page = Page()
        if event.option_index:
            edit, keys = self._edits[event.option_index - 1], self._changed.get(event.option_index)
            page.fact("seed", str(edit.seed))
            if keys is not None:
                more = f" and {len(keys) - KEYS_SHOWN} more" if len(keys) > KEYS_SHOWN else ""
                page.fact("changed", ", ".join(map(printable, keys[:KEYS_SHOWN])) + more if keys else "no tensor")
        self.query_one("#of-edit", Static).update(page.content())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go there."""
        event.stop()
        self.dismiss(event.option_index)

    def action_save(self) -> None:
        """Write the changes made; another session's journal is replaced at the second press, any other file never."""
        path, journal_is_there = self._path, _is_journal(self._path)
        if journal_is_there and path not in self._written and not self._asked:
            self._asked = True
            self.query_one(HintLine).say(f"{path} holds changes of another session · s replaces it · esc goes back")
            return
        try:
            write_journal(path, self._journal.done, overwrite=journal_is_there)
        except RequestError as problem:
            said = str(problem)
        else:
            self._written.add(path)
            said = f"wrote {things(len(self._journal.done), 'change')} to {path}: --edits makes them again"
        self.query_one(HintLine).say(said)


def _line(edit: Edit) -> str:
    index = f"[{', '.join(map(str, edit.index))}]" if edit.index else ""
    return printable(f"{edit.action.replace('_', ' ')}  {edit.where or 'the model'}{index}  {edit.argument}")


def _is_journal(path: str) -> bool:
    try:
        read_journal(path)
    except RequestError:
        return False
    return True
