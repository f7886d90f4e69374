"""The help: every key by what it is for, and what the marks in the tree mean."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.keys import format_key
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.tui.action import Action
from inspector.tui.actions import ACTIONS, GROUPS
from inspector.tui.page import CODE, MUTED, Page, TextPanel

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
    ("5×5 /2", "receptive field: 5×5 input pixels, neighbours 2 pixels apart; ≤ is an upper bound"),
)
KEY_WIDTH = 16


class HelpScreen(ModalScreen[None]):
    """All keys and marks, made from the table of actions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """A page that scrolls."""
        with Vertical(id="dialog", classes="large"):
            yield Static("Keys and marks", id="title")
            yield TextPanel(id="fields")
            yield Static(Content.styled("esc goes back", MUTED), id="hint")

    def on_mount(self) -> None:
        """Fill the page."""
        self.query_one(TextPanel).show(help_page())


def help_page() -> Page:
    """The help as text."""
    page = Page()
    for group in GROUPS:
        page.heading(group)
        for action in ACTIONS.values():
            if action.group == group:
                page.line((f"{key_names(action):<{KEY_WIDTH}}", CODE), action.help, hang=KEY_WIDTH)
    page.heading("Marks in the tree")
    for mark, meaning in MARKS:
        page.line((f"{mark:<{KEY_WIDTH}}", CODE), meaning)
    return page


def key_names(action: Action) -> str:
    """An action's keys as a person calls them."""
    keys = [key for key in f"{action.keys},{action.at_stop}".split(",") if key]
    return ", ".join(map(format_key, keys))
