"""One thing the user can do, from which its key, its line in the help and its palette entry are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType
from textual.keys import format_key

from inspector.tui import reasons

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing the user can do."""

    id: str
    keys: str
    """As Textual names them, separated by commas; "" where only the palette has it."""
    title: str
    """One or two words, for the footer and the palette."""
    help: str
    """One sentence for the help screen and the palette."""
    group: str
    """Heading in the help screen."""
    run: Callable[[NNInspectApp], object]
    at_stop: str = ""
    """Keys that do this while a pass waits at a stop, whatever they do otherwise."""
    in_footer: bool = False
    in_stop_footer: bool = False
    """The same while a pass waits."""
    short: str = ""
    """Its title in the footer, where that is shorter."""
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
            as_sent(action.keys),
            f"{dispatch}('{action.id}')",
            action.title,
            show=action.in_footer,
            key_display=action.display,
            tooltip=action.help,
            priority=action.before_widgets,
            id=action.id,
        )
        for action in actions
        if action.keys
    ]


def bindings_at_stop(actions: Iterable[Action]) -> list[BindingType]:
    """The key bindings that hold while a pass waits; placed before the others, they are looked at first."""
    return [
        Binding(action.at_stop, f"app.do_at_stop('{action.id}')", action.title, show=False, tooltip=action.help)
        for action in actions
        if action.at_stop
    ]


def shown_keys(action: Action, in_ascii: bool = False) -> str:
    """The keys of an action as a person calls them; `in_ascii` by words where their signs are none of it."""
    keys = filter(None, f"{action.keys},{action.at_stop}".split(","))
    return ", ".join(_shown_key(key, in_ascii) for key in keys)


def first_key(action: Action, in_ascii: bool = False, at_stop: bool = False) -> str:
    """The key of an action where there is room for one; `at_stop` the one that holds while a pass waits."""
    key = ((at_stop and action.at_stop) or action.keys or action.at_stop).split(",")[0]
    # In ASCII ^ would be the arrow.
    if action.display and not (in_ascii and action.display.startswith("^")):
        return action.display
    return key if in_ascii and "+" in key else _shown_key(key, in_ascii)


def _shown_key(key: str, in_ascii: bool) -> str:
    shown = format_key(key)
    return key if in_ascii and not shown.isascii() else shown


def as_sent(keys: str) -> str:
    """Keys with what most terminals send for them: shift and a function key as the one twelve further on."""
    shifted = [key.removeprefix("shift+f") for key in keys.split(",") if key.startswith("shift+f")]
    return ",".join([keys, *(f"f{int(number) + 12}" for number in shifted if number.isdigit())])
