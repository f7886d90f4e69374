"""The table of actions: complete, without clashes, and within a narrow footer."""

import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from fake_client import FakeClient, found, lenet, with_fixes
from screen_text import session
from textual.app import App
from textual.binding import Binding, BindingType
from textual.keys import format_key

from inspector.core.edits import Edit
from inspector.tui.action import as_sent, shown_keys
from inspector.tui.actions import ACTIONS, APP_ACTIONS, GROUPS, PLACES
from inspector.tui.difference_actions import DIFFERENCE_ACTIONS
from inspector.tui.difference_screen import HINT
from inspector.tui.field_actions import FIELD_ACTIONS
from inspector.tui.help_screen import help_page
from inspector.tui.here import Here
from inspector.tui.hint_line import HintLine
from inspector.tui.look_actions import PANEL_HELP
from inspector.tui.menu_screen import ActionList
from inspector.tui.picture_actions import PICTURE_ACTIONS
from inspector.tui.row_actions import MOVING, ROW_ACTIONS
from inspector.tui.side import TITLES
from inspector.tui.step_actions import STEP_ACTIONS
from inspector.tui.text_actions import IN_TEXT, TEXT_ACTIONS
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def test_every_action_has_an_id_of_its_own_and_says_what_it_does():
    several = (APP_ACTIONS, STEP_ACTIONS, ROW_ACTIONS, TEXT_ACTIONS, FIELD_ACTIONS, PICTURE_ACTIONS, DIFFERENCE_ACTIONS)
    assert len(ACTIONS) == sum(map(len, several))
    assert len({action.title for action in ACTIONS.values()}) == len(ACTIONS)
    for action in ACTIONS.values():
        assert 0 < len(action.title) <= 24, action.title
        assert action.help.endswith("."), action.id
        assert action.group in GROUPS
        # One sorts by a click on a column's title, and with > from one to the next.
        assert action.keys or action.at_stop or action.id.startswith("sort_"), action.id


@pytest.mark.parametrize("place", PLACES)
def test_no_two_actions_share_a_key_in_one_place(place):
    keys = Counter(key for action in PLACES[place] for key in as_sent(action.keys).split(",") if key)
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_action_has_a_place():
    assert {action.id for together in PLACES.values() for action in together} == set(ACTIONS)


def test_no_two_actions_share_a_key_at_a_stop():
    keys = Counter(key for action in STEP_ACTIONS for key in f"{action.keys},{action.at_stop}".split(",") if key)
    in_lists = {key for action in (*ROW_ACTIONS, *TEXT_ACTIONS) for key in action.keys.split(",")}
    assert [key for key, count in keys.items() if count > 1 or key in in_lists] == []


def test_the_help_has_a_line_for_every_action():
    text = help_page(Here("The tree", "Rows.", MOVING), list(ACTIONS.values())).content().plain
    for action in ACTIONS.values():
        assert shown_keys(action) in text
        assert action.help in text


def test_the_help_begins_with_what_has_the_keyboard():
    for group in (MOVING, IN_TEXT):
        lines = help_page(Here("Here", "It is here.", group), list(ACTIONS.values())).content().plain.splitlines()
        assert lines[0] == "Here  It is here."
        first = next(action for action in ACTIONS.values() if action.group == group)
        assert first.help in lines[1]


async def test_every_panel_has_help_of_its_own_and_its_keys():
    async with session() as ui:
        for panel in TITLES:
            await ui.press(str(list(TITLES).index(panel) + 1))
            ui.app.focus_panel()
            text = await ui.press("question_mark")
            assert f"{TITLES[panel]}  {PANEL_HELP[panel][:40]}" in text
            assert "row" in text or "line" in text
            await ui.press("escape")


async def test_the_help_finds_what_is_typed():
    async with session() as ui:
        await ui.press("question_mark")
        text = await ui.press(*"checkpoint")
        assert ACTIONS["repair"].help[:30] in text
        assert ACTIONS["forward"].help[:30] not in text
        assert ACTIONS["forward"].help[:30] in await ui.press("escape", *"measure")
        assert "Keys and marks" in await ui.press("escape")
        assert "Keys and marks" not in await ui.press("escape")


async def test_every_action_that_can_be_done_is_in_the_menu_and_a_click_does_it():
    async with session(size=(160, 45)) as ui:
        await ui.press("down", "full_stop")
        listed = ui.app.screen.query_one(ActionList).actions
        elsewhere = {*FIELD_ACTIONS, *PICTURE_ACTIONS, *TEXT_ACTIONS, *DIFFERENCE_ACTIONS}
        able = {one.id for one in ACTIONS.values() if one not in elsewhere and not one.why_not(ui.app)}
        assert {one.id for one in listed} == able
        at = next(number for number, one in enumerate(listed) if one.id == "forward")
        await ui.pilot.click(ActionList, offset=(20, at + 1))
        await ui.until(lambda: "Run the model on random input" in ui.text, "the dialog opens")


@pytest.mark.parametrize(
    ("keys", "group"),
    [(("7", "tab"), FIELD_ACTIONS), (("4", "V", "tab"), PICTURE_ACTIONS), (("1", "tab"), TEXT_ACTIONS)],
)
async def test_the_menu_of_a_panel_has_what_is_done_there_alone(keys, group):
    async with session() as ui:
        await ui.press("down", *keys, "full_stop")
        assert {*group} <= {*ui.app.screen.query_one(ActionList).actions}


async def test_the_right_button_opens_the_menu_of_the_row_under_it():
    async with session() as ui:
        await ui.pilot.click("#tree", offset=(8, 2), button=3)
        await ui.until(lambda: "The tree · conv1" in ui.text, "the menu opens")
        await ui.press("escape")
        assert not ui.app.screen.is_modal


async def test_a_moving_action_of_the_menu_moves_in_the_list_it_was_opened_from():
    async with session() as ui:
        await ui.press("full_stop")
        listed = ui.app.screen.query_one(ActionList).actions
        await ui.press(*["down"] * [one.id for one in listed].index("last"), "enter")
        assert ui.app.row.path == "fc"


async def test_the_keys_named_in_a_dialog_can_be_clicked():
    async with session() as ui:
        await ui.press("P")
        hint = ui.app.screen.query_one(HintLine)
        await ui.pilot.click(hint, offset=(2, 0))
        await ui.until(lambda: "copied" in ui.text, "it is copied")
        await ui.pilot.click(hint, offset=(ui_text(hint).index("esc"), 0))
        await ui.until(lambda: not ui.app.screen.is_modal, "the dialog closes")


def ui_text(widget):
    return widget.render().plain


async def test_every_action_is_in_the_palette():
    async with session() as ui:
        offered = {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        enabled = {action.title for action in ACTIONS.values() if not action.why_not(ui.app)}
        assert enabled <= offered
        await ui.press("m")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("f", "enter", "K")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("u", "slash", "c", "enter", "4", "V")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("7")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("S")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
    client = FakeClient()
    client.answers[protocol.Check] = with_fixes(found())
    async with session(client=client) as ui:
        await ui.press("1", "tab")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("C", "tab")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
    async with session(lenet(failed=True)) as ui:
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
    client = FakeClient(model_of("onnx"))
    client.answers[protocol.Open] = model_of("onnx")
    async with session(client=client) as ui:
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        # The differences have a screen of their own, whose line of keys names what can be done there.
        elsewhere = {*DIFFERENCE_ACTIONS, ACTIONS["output"]}
        assert {action.title for action in ACTIONS.values() if action not in elsewhere} <= offered
        assert all(action.title.lower() in HINT for action in DIFFERENCE_ACTIONS)


async def test_the_footer_fits_a_narrow_terminal():
    async with session(size=(80, 24)) as ui:
        for action in APP_ACTIONS:
            assert not action.in_footer or (action.short or action.title) in ui.text


@pytest.mark.parametrize("width", [60, 61, 66, 79, 100])
async def test_the_footer_has_whole_keys_only_at_any_width(width):
    whole = {f"{action.display or shown_keys(action)} {action.short or action.title}" for action in APP_ACTIONS}
    async with session(size=(width, 20)) as ui:
        shown = re.split(r"\s{2,}", ui.text.splitlines()[-1].strip())
        assert set(shown) <= whole
        assert shown[0] == "q Quit"
        assert shown[-1] == "^p Palette"


def model_of(framework, tensors=True):
    table = lenet()
    changed = msgspec.structs.replace(table.model, framework=framework)
    return msgspec.structs.replace(table, model=changed, tensors=table.tensors if tensors else [])


@pytest.mark.parametrize("framework", ["torch", "onnx", "file"])
async def test_a_key_that_can_do_nothing_now_says_why_and_asks_nothing(framework):
    client = FakeClient(model_of(framework, tensors=False))
    client.answers[protocol.Open] = client.answers[protocol.Trace] = model_of(framework, tensors=False)
    async with session(client=client, size=(160, 45)) as ui:
        for action in (*APP_ACTIONS, *STEP_ACTIONS):
            why = action.why_not(ui.app)
            if why and action.keys:
                asked = len(ui.client.asked)
                ui.app.say("")
                await ui.press(action.keys.split(",")[0])
                assert why in ui.text
                assert len(ui.client.asked) == asked
                assert not ui.app.screen.is_modal


@pytest.mark.parametrize(("key", "word"), [("b", "gradients"), ("m", "modes"), ("M", "modes")])
async def test_what_onnx_has_not_is_said_before_anything_is_asked(key, word):
    client = FakeClient(model_of("onnx"))
    client.answers[protocol.Open] = model_of("onnx")
    async with session(client=client) as ui:
        assert word in await ui.press(key)
        await ui.press("f")
        assert not ui.app.screen.query("#backward")
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Forward)[0].settings.backward is False


async def test_a_key_in_the_footer_can_be_clicked():
    async with session() as ui:
        line = ui.text.splitlines()[-1]
        await ui.pilot.click("#keys", offset=(line.index("Forward"), 0))
        await ui.until(lambda: "Run the model on random input" in ui.text, "the dialog opens")


def test_every_key_that_the_readme_names_is_one_of_the_program():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    table = readme.partition("| key | does |")[2].partition("\n\n")[0]
    named = {
        key for row in table.splitlines()[2:] for cell in row.split("|")[1::2] for key in re.findall(r"`([^`]+)`", cell)
    }
    keys = {key for action in ACTIONS.values() for key in f"{action.keys},{action.at_stop}".split(",")}
    assert len(named) > 20
    assert named - keys - {format_key(key) for key in keys} == set()


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
@pytest.mark.parametrize(
    ("kind", "panel", "offered"),
    [("node", "1", "node:conv1"), ("module", "2", "value:conv1.weight"), ("module", "4", "value:conv1.weight")],
)
async def test_what_is_on_screen_is_offered_to_be_renamed(kind, panel, offered, size):
    table = model_of("onnx")
    rows = [msgspec.structs.replace(row, kind=kind) if row.path == "conv1" else row for row in table.rows]
    client = FakeClient(table)
    client.answers[protocol.Open] = client.answers[protocol.Trace] = msgspec.structs.replace(table, rows=rows)
    async with session(client=client, size=size) as ui:
        await ui.press("down", panel, "f2")
        assert ui.app.screen.query_one("#what").value == offered


async def test_a_group_of_nodes_is_not_offered_to_be_renamed():
    client = FakeClient(model_of("onnx"))
    client.answers[protocol.Open] = client.answers[protocol.Trace] = model_of("onnx")
    async with session(client=client) as ui:
        assert "group of nodes" in await ui.press("1", "f2")
        assert not ui.app.screen.is_modal


async def test_renaming_asks_for_what_and_for_the_new_name():
    client = FakeClient(model_of("onnx"))
    client.answers[protocol.Open] = model_of("onnx")
    async with session(client=client) as ui:
        await ui.press("down", "2", "f2")
        await ui.write("name", "")
        assert "new name is empty" in await ui.press("enter")
        await ui.write("name", "first.weight")
        await ui.press("enter")
        (asked,) = ui.client.asked_for(protocol.Apply)
        assert asked.edit == Edit(action="rename", where="value:conv1.weight", argument="first.weight")


async def test_of_several_clicks_on_a_line_of_the_menu_one_does_it():
    async with session() as ui:
        await ui.press("full_stop")
        line = [one.id for one in ui.app.screen.query_one(ActionList).actions].index("forward") + 1
        await ui.pilot.click(ActionList, offset=(5, line), times=2, button=3)
        assert ui.app.screen.is_modal
        await ui.pilot.click(ActionList, offset=(5, line), times=2)
        assert "Run the model on random input" in await ui.press("f12")


class Hinted(App[None]):
    """A line of keys that is too long for one line of the screen."""

    CSS = "HintLine { width: 24; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("L", "exit", "Log"), Binding("y", "bell", "Copy")]

    def compose(self):
        yield HintLine("y copies a long text · L opens the log")

    def action_exit(self):
        self.exit()


async def test_a_key_named_on_a_second_line_can_be_clicked():
    app = Hinted()
    async with app.run_test() as pilot:
        await pilot.click(HintLine, offset=(2, 0))
        assert app.is_running
        assert app.query_one(HintLine).size.height == 2
        await pilot.click(HintLine, offset=(2, 1))
        await pilot.pause()
        assert app._exit


@pytest.mark.parametrize("what", ["params", "tabs", "crumbs", "Forward", "tree"])
async def test_the_other_buttons_of_the_mouse_do_nothing_but_put_the_cursor(what):
    async with session() as ui:
        await ui.press("down")
        before = (ui.app.side.current, ui.app.row, ui.app.arranging.key, ui.app.focused)
        lines = ui.text.splitlines()
        widget, at = {
            "params": ("#tree", (lines[2].find(what), 0)),
            "Forward": ("#keys", (lines[-1].find(what), 0)),
            "tabs": ("#tabs", (20, 0)),
            "crumbs": ("#crumbs", (2, 0)),
            "tree": ("#tree", (4, 2)),
        }[what]
        await ui.pilot.click(widget, offset=at, button=2, times=2)
        await ui.press("f12")
        assert (ui.app.side.current, ui.app.row, ui.app.arranging.key, ui.app.focused) == before
        assert not ui.app.screen.is_modal
