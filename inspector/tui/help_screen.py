"""The help: every key by what it is for, and what the marks in the tree mean."""

from collections.abc import Sequence
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from inspector.tui.action import Action, shown_keys
from inspector.tui.actions import GROUPS
from inspector.tui.dressed_app import DressedApp
from inspector.tui.here import Here
from inspector.tui.hint_line import HintLine
from inspector.tui.page import CODE, Page, TextPanel

MARKS = (
    ("= path", "the same module, or a tensor of it, is also at that path"),
    ("call 2", "the module was called more than once; this is its second call"),
    ("lazy", "parameters without a shape until a pass gives them one"),
    ("alike", "the line stands for blocks that are alike; its parameters are those of all of them"),
    ("differs", "a block unlike the others in its list; the first panel says how"),
    ("✓", "the file of weights filled everything at and below the row"),
    ("by rule, tied", "filled under another name or after a change; tied: by its twin in the model"),
    ("missing 2, shape 1, extra 1", "keys that the file of weights lacks, has with another shape, or has alone"),
    ("error 1, warning 2", "what the last check found at or below the row"),
    ("frozen", "no parameter at or below the row has requires_grad; part frozen: some have not"),
    ("train, eval", "the module's mode, where it is not the model's"),
    ("failed", "the pass stopped here; the first panel says why"),
    ("not reached", "the pass did not come to this row"),
    ("?", "not known; never shown as 0"),
    ("●", "a breakpoint: a pass that is stepped through stops there"),
    ("▶", "the pass waits here"),
    ("▁▂▇▃▁", "how the values of the row's output are distributed, smallest to largest; red: not all are finite"),
    ("◀", "in panel 5: among the rows that changed most since the run before"),
    ("5×5 /2", "receptive field: 5×5 input pixels, neighbours 2 pixels apart; ≤ is an upper bound"),
)
KEY_WIDTH = 16
SCROLLING = {
    "up": "text_up",
    "down": "text_down",
    "pageup": "text_page_up",
    "pagedown": "text_page_down",
    "home": "text_first",
    "end": "text_last",
}
"""Keys that scroll the page while one types."""


class HelpScreen(ModalScreen[None]):
    """All keys and marks, made from the table of actions; what is typed is searched for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("question_mark", "dismiss", "Back", priority=True),
        *(Binding(key, f"text('{id}')", show=False, priority=True) for key, id in SCROLLING.items()),
    ]

    def __init__(self, here: Here, actions: Sequence[Action]) -> None:
        super().__init__()
        self._here = here
        self._actions = actions

    def compose(self) -> ComposeResult:
        """A line to search in above a page that scrolls."""
        with Vertical(id="dialog", classes="large"):
            yield Static("Keys and marks", id="title")
            yield Input(placeholder="type to search: a key, a word", id="sought", compact=True)
            yield TextPanel(id="fields")
            arrows = "up down" if self._in_ascii else "↑ ↓"
            yield HintLine(f"esc goes back · {arrows} pageup pagedown scroll", id="hint")

    @property
    def _in_ascii(self) -> bool:
        return cast(DressedApp, self.app).ascii

    def on_mount(self) -> None:
        """Everything at first."""
        self.query_one(Input).focus()
        self._draw("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search."""
        event.stop()
        self._draw(event.value)

    def _draw(self, sought: str) -> None:
        self.query_one(TextPanel).show(help_page(self._here, self._actions, sought, self._in_ascii))

    def action_back(self) -> None:
        """From what was searched for to everything, then to the model."""
        if self.query_one(Input).value:
            self.query_one(Input).clear()
        else:
            self.dismiss()

    def action_text(self, id: str) -> None:
        """Scroll, while the keyboard stays in the line."""
        self.query_one(TextPanel).action_text(id)


def help_page(here: Here, actions: Sequence[Action], sought: str = "", in_ascii: bool = False) -> Page:
    """The help as text: where the keyboard is first, then all the rest; only lines with every word of `sought`."""
    page = Page()
    words = sought.lower().split()
    order = [here.moves, *(group for group in GROUPS if group != here.moves)]
    for group in filter(None, order):
        lines = [(shown_keys(one, in_ascii), one.title, one.help) for one in actions if one.group == group]
        found = [line for line in lines if _has(words, *line)]
        if group == order[0]:
            page.heading(here.title, here.help)
        if found and group != order[0]:
            page.heading(group)
        for keys, _, help in found:
            page.line((f"{keys:<{KEY_WIDTH}}", CODE), help, hang=KEY_WIDTH)
    marks = [(mark, meaning) for mark, meaning in MARKS if _has(words, mark, meaning)]
    if marks:
        page.heading("Marks in the tree")
    for mark, meaning in marks:
        page.line((f"{mark:<{KEY_WIDTH}}", CODE), meaning)
    return page


def _has(words: Sequence[str], *texts: str) -> bool:
    text = " ".join(texts).lower()
    return all(word in text for word in words)
