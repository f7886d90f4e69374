"""Other keys for the actions, as the settings say; what cannot be so is refused before anything is shown."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from textual.binding import Binding, InvalidBinding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from inspector.core.errors import RequestError
from inspector.tui.action import Action, as_sent
from inspector.tui.actions import ACTIONS, PLACES

_NAMES = frozenset(key.value for key in Keys)
_MODIFIERS = re.compile(r"^(?:(?:ctrl|shift|alt|super|hyper|meta)\+)*")


def remapped(keys: Mapping[str, str], place: Callable[[str], str]) -> dict[str, Action]:
    """Every action by its id, those in `keys` with the keys given there; `place` says where one is written.

    Raises RequestError for what is no action, no key, or for two actions with the same key in one place.
    """
    actions = dict(ACTIONS)
    for id, written in keys.items():
        if id not in ACTIONS:
            close = difflib.get_close_matches(id, ACTIONS, n=1)
            hint = f"did you mean {close[0]}?" if close else "nninspect's ? lists every action by its keys"
            raise RequestError(f"{place(id)}: there is no action {id!r}; {hint}")
        if not ACTIONS[id].keys:
            why = (
                "has a key only while a pass waits, which stays"
                if ACTIONS[id].at_stop
                else "is for the menu and palette"
            )
            raise RequestError(f"{place(id)}: {id} {why}; leave this line out")
        actions[id] = replace(ACTIONS[id], keys=",".join(_named(written, id, place)), display=None)
    _refuse_clashes(actions, keys, place)
    return actions


def keymap(actions: Mapping[str, Action]) -> dict[str, str]:
    """For Textual, the keys of the actions that have others than they come with."""
    return {id: as_sent(action.keys) for id, action in actions.items() if action.keys != ACTIONS[id].keys}


def moved_from(key: str, actions: Mapping[str, Action]) -> Action | None:
    """The action that a key did before it was given others."""
    return next((one for id, one in actions.items() if _has(ACTIONS[id], key) and not _has(one, key)), None)


def _has(action: Action, key: str) -> bool:
    return key in action.keys.split(",")


def _named(written: str, id: str, place: Callable[[str], str]) -> list[str]:
    try:
        keys = [one.key for one in Binding.make_bindings([Binding(written, "", "")])]
    except InvalidBinding:
        hint = "commas stand between keys, as in f,f5; the key itself is comma"
        raise RequestError(f"{place(id)}: a key is missing in {written!r}; {hint}") from None
    for key in keys:
        plain = _MODIFIERS.sub("", key)
        if not (len(plain) == 1 or plain in _NAMES or _is_character(plain)):
            hint = "write a character, or a name such as ctrl+f, f5 or pagedown"
            raise RequestError(f"{place(id)}: {key!r} is no key; {hint}")
    return keys


def _is_character(name: str) -> bool:
    """Whether it is how Textual calls a character: by its name in Unicode, question_mark."""
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return name in KEY_NAME_REPLACEMENTS.values()
    return True


def _refuse_clashes(actions: Mapping[str, Action], keys: Mapping[str, str], place: Callable[[str], str]) -> None:
    for where, together in PLACES.items():
        taken: dict[str, str] = {}
        for one in together:
            for key in filter(None, actions[one.id].keys.split(",")):
                other = taken.setdefault(key, one.id)
                if other != one.id:
                    moved, stays = (one.id, other) if one.id in keys else (other, one.id)
                    raise RequestError(
                        f"{place(moved)}: {key} for {moved} is the key of {stays} {where}; give one of them another"
                    )
