"""The table of actions: complete, without clashes, and within a narrow footer."""

from collections import Counter

from screen_text import session
from textual.widgets import Footer

from inspector.tui.actions import ACTIONS, APP_ACTIONS, GROUPS
from inspector.tui.help_screen import help_page, key_names
from inspector.tui.row_actions import ROW_ACTIONS


def test_every_action_has_an_id_of_its_own_and_says_what_it_does():
    assert len(ACTIONS) == len(APP_ACTIONS) + len(ROW_ACTIONS)
    for action in ACTIONS.values():
        assert action.title
        assert action.help.endswith(".")
        assert action.group in GROUPS


def test_no_two_actions_share_a_key():
    keys = Counter(key for action in ACTIONS.values() for key in action.keys.split(","))
    assert [key for key, count in keys.items() if count > 1] == []


def test_the_help_has_a_line_for_every_action():
    text = help_page().content().plain
    for action in ACTIONS.values():
        assert f"{key_names(action)}" in text
        assert action.help in text


async def test_every_action_is_in_the_palette():
    async with session() as ui:
        offered = {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        enabled = {action.title for action in ACTIONS.values() if action.enabled_when(ui.app)}
        assert enabled <= offered
        await ui.press("m")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("u")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        assert {action.title for action in ACTIONS.values()} <= offered


async def test_the_footer_fits_a_narrow_terminal():
    async with session(size=(80, 24)) as ui:
        footer = ui.app.query_one(Footer)
        assert footer.max_scroll_x == 0
        assert sum(action.in_footer for action in APP_ACTIONS) <= 7
        assert "Initialise" in ui.text
        assert "Palette" in ui.text
