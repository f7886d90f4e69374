"""One thing the user can do, from which its key, its line in the help and its palette entry are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

from inspector.tui import reasons

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing the user can do."""

    id: str
    keys: str
    """As Textual names them, separated by commas."""
    title: str
    """One or two words, for the footer and the palette."""
    help: str
    """One sentence for the help screen and the palette."""
    group: str
    """Heading in the help screen."""
    run: Callable[[NNInspectApp], object]
    in_footer: bool = False
    before_widgets: bool = False
    """The key is taken before the widget that has the focus sees it."""
    why_not: Callable[[NNInspectApp], str] = reasons.none
    """Why it cannot be done now, as one sentence; "" where it can. The key is dimmed then, and says this."""
    display: str | None = None
    """How the key is shown, where Textual's own name for it is long."""


def one_of(
    group: str, carry_out: Callable[[NNInspectApp, str], object], why_not: Callable[[NNInspectApp], str]
) -> Callable[[str, str, str, str], Action]:
    """Makes the actions of one widget of (id, keys, title, help); the widget carries them out by their ids."""

    def made(id: str, keys: str, title: str, help: str) -> Action:
        return Action(
            id=id, keys=keys, title=title, help=help, group=group, run=lambda app: carry_out(app, id), why_not=why_not
        )

    return made


def bindings(actions: Iterable[Action], dispatch: str = "app.do") -> list[BindingType]:
    """The key bindings of some actions; each calls the Textual action `dispatch` with its id."""
    return [
        Binding(
            action.keys,
            f"{dispatch}('{action.id}')",
            action.title,
            show=action.in_footer,
            key_display=action.display,
            tooltip=action.help,
            priority=action.before_widgets,
            id=action.id,
        )
        for action in actions
    ]
