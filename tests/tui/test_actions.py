"""The table of actions: complete, without clashes, and within a narrow footer."""

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from fake_client import FakeClient, lenet
from screen_text import session

from inspector.core.edits import Edit
from inspector.tui.actions import ACTIONS, APP_ACTIONS, GROUPS
from inspector.tui.difference_actions import DIFFERENCE_ACTIONS
from inspector.tui.difference_screen import HINT
from inspector.tui.field_actions import FIELD_ACTIONS
from inspector.tui.help_screen import help_page, key_names
from inspector.tui.picture_actions import PICTURE_ACTIONS
from inspector.tui.row_actions import ROW_ACTIONS
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def test_every_action_has_an_id_of_its_own_and_says_what_it_does():
    several = (APP_ACTIONS, ROW_ACTIONS, FIELD_ACTIONS, PICTURE_ACTIONS, DIFFERENCE_ACTIONS)
    assert len(ACTIONS) == sum(map(len, several))
    for action in ACTIONS.values():
        assert action.title
        assert action.help.endswith(".")
        assert action.group in GROUPS


@pytest.mark.parametrize("of_widget", [ROW_ACTIONS, FIELD_ACTIONS, PICTURE_ACTIONS])
def test_no_two_actions_share_a_key_in_one_place(of_widget):
    keys = Counter(key for action in (*APP_ACTIONS, *of_widget) for key in action.keys.split(","))
    assert [key for key, count in keys.items() if count > 1] == []


def test_the_help_has_a_line_for_every_action():
    text = help_page().content().plain
    for action in ACTIONS.values():
        assert f"{key_names(action)}" in text
        assert action.help in text


async def test_every_action_is_in_the_palette():
    async with session() as ui:
        offered = {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        enabled = {action.title for action in ACTIONS.values() if not action.why_not(ui.app)}
        assert enabled <= offered
        await ui.press("m")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("u", "slash", "c", "enter", "4", "V")
        offered |= {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        await ui.press("7")
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
            assert not action.in_footer or action.title in ui.text


@pytest.mark.parametrize("width", [40, 41, 47, 58, 66, 79, 100])
async def test_the_footer_has_whole_keys_only_at_any_width(width):
    whole = {f"{action.display or key_names(action)} {action.title}" for action in APP_ACTIONS}
    async with session(size=(width, 12)) as ui:
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
        for action in APP_ACTIONS:
            why = action.why_not(ui.app)
            if why:
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
        assert ui.client.asked_for(protocol.Forward)[0].backward is False


async def test_a_key_in_the_footer_can_be_clicked():
    async with session() as ui:
        line = ui.text.splitlines()[-1]
        await ui.pilot.click("#keys", offset=(line.index("Forward"), 0))
        await ui.until(lambda: "Run the model on random input" in ui.text, "the dialog opens")


def test_the_table_of_keys_in_the_readme_has_every_key_of_the_program():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    told = readme.partition("## Keys")[2].partition("## Speed")[0]
    plain = {"question_mark": "?", "slash": "/", "asterisk": "*", "left_square_bracket": "[",
             "right_square_bracket": "]", "plus": "+", "minus": "-", "escape": "esc"}  # fmt: skip
    panels = {str(number) for number in range(2, 8)}
    for action in (*APP_ACTIONS, *ROW_ACTIONS):
        for key in {*action.keys.split(",")} - panels:
            named = plain.get(key, key)
            assert re.search(rf"[`, ]{re.escape(named.replace('page', 'page '))}[`, ]", told), f"{key}: {action.title}"


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
