"""What the settings of a person change in the application: colours, keys, what the tree shows at first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from inspector.core.errors import RequestError
from inspector.files.settings_file import SettingsFile
from inspector.tui.action import Action
from inspector.tui.remapping import keymap, remapped

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def take_up_settings(app: NNInspectApp, chosen: SettingsFile) -> dict[str, Action]:
    """Choose the theme and the keys; the actions with their keys in force.

    Raises RequestError where there is no such theme, action or key, or two actions have the same key in one place.
    """
    actions = checked_actions(chosen, app.available_themes)
    if chosen.settings.theme is not None:
        app.theme_name = chosen.settings.theme
    app.ascii = app.ascii or chosen.settings.ascii
    app.set_keymap(keymap(actions))
    return actions


def checked_actions(chosen: SettingsFile, themes: Iterable[str]) -> dict[str, Action]:
    """The actions with the keys of the settings.

    Raises RequestError where there is no such theme, action or key, or two actions have the same key in one place.
    """
    theme, known = chosen.settings.theme, sorted(themes)
    if theme is not None and theme not in known:
        close = difflib.get_close_matches(theme, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the themes are {', '.join(known)}"
        raise RequestError(f"{chosen.place('theme')}: there is no theme {theme!r}; {hint}")
    return remapped(chosen.settings.keys, chosen.place)
