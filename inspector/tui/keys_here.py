"""The keys that sentences name: those in force, which a person may have chosen."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.tui.action import Action

OPTIONS = {"--input": "input"}
"""Options of the command line with the ids of the actions that do here what they do there."""
_IN_FORCE: ContextVar[Mapping[str, Action]] = ContextVar("actions in force")


def use_keys_of(actions: Mapping[str, Action]) -> None:
    """From now on, in this context and those made from it, sentences name the keys of these actions."""
    _IN_FORCE.set(actions)


def keyed(sentence: str, at_stop: bool = False) -> str:
    """The sentence with keys in place of actions' ids: ``"{forward} runs a pass"``.

    `at_stop`: those that hold while a pass waits.
    """
    return sentence.format_map(_Keys(at_stop))


def with_keys(sentence: str) -> str:
    """The sentence, with the key to press for each option that it mentions."""
    keys = [_Keys()[action] for option, action in OPTIONS.items() if option in sentence]
    return f"{sentence} (press {' or '.join(keys)})" if keys else sentence


class _Keys(dict[str, str]):
    """The key of each action by its id, as a person calls it."""

    def __init__(self, at_stop: bool = False) -> None:
        super().__init__()
        self._at_stop = at_stop

    def __missing__(self, id: str) -> str:
        # They import, through reasons, dialogs and panels, this module.
        from inspector.tui.action import first_key
        from inspector.tui.actions import ACTIONS

        return first_key(_IN_FORCE.get(ACTIONS)[id], at_stop=self._at_stop)
