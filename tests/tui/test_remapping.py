"""Other keys for actions: they hold everywhere, are shown everywhere, and what cannot be is refused."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from fake_client import FakeClient, recipe
from screen_text import session

from inspector.core.errors import RequestError
from inspector.core.settings import Settings, settings_from
from inspector.files.settings_file import SettingsFile
from inspector.tui.actions import ACTIONS
from inspector.tui.app import NNInspectApp
from inspector.tui.remapping import keymap, remapped
from inspector.tui.running import run

pytestmark = pytest.mark.slow


def chosen(text="", **settings):
    return SettingsFile(settings=Settings(**settings), file="mine.toml", text=text, given=list(settings))


def test_an_action_gets_its_new_keys_alone():
    actions = remapped({"forward": "ctrl+f, f4"}, str)
    assert actions["forward"].keys == "ctrl+f,f4"
    assert {id for id in actions if actions[id] != ACTIONS[id]} == {"forward"}


@pytest.mark.parametrize("written", ["?", "question_mark"])
def test_a_character_may_be_written_as_itself(written):
    actions = remapped({"help": "f1", "search": written}, str)
    assert keymap(actions) == {"help": "f1", "search": "question_mark"}


def test_the_settings_of_the_documentation_can_be_taken_up():
    page = (Path(__file__).parents[2] / "docs" / "tasks" / "configuration.md").read_text()
    text = page.partition("```toml\n")[2].partition("```")[0]
    settings = settings_from(tomllib.loads(text), text, "configuration.md")
    assert set(Settings.__struct_fields__) == set(tomllib.loads(text))
    app = NNInspectApp(FakeClient(), recipe(), chosen=SettingsFile(settings=settings, file="configuration.md"))
    assert app.theme == "nord"
    assert app.actions["help"].keys == "f1,question_mark"


def test_two_actions_may_change_places():
    assert keymap(remapped({"forward": "b", "backward": "f"}, str)) == {"forward": "b", "backward": "f"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"foward": "f"}, ["mine.toml, line 2", "no action 'foward'", "did you mean forward?"]),
        ({"forward": "b"}, ["line 2", "b for forward", "the key of backward"]),
        ({"forward": "j"}, ["j for forward", "the key of down", "in the tree and in lists"]),
        ({"forward": "hyperkey"}, ["'hyperkey' is no key", "ctrl+f"]),
        ({"forward": "f,"}, ["line 2", "a key is missing in 'f,'"]),
        ({"sort": ","}, ["a key is missing in ','", "the key itself is comma"]),
        ({"step_row": "ctrl+o"}, ["only while a pass waits"]),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_line(keys, told):
    (id,) = keys
    file = chosen(f'[keys]\n{id} = "x"\n', keys=keys)
    with pytest.raises(RequestError) as refused:
        NNInspectApp(FakeClient(), recipe(), chosen=file)
    for part in told:
        assert part in str(refused.value)


def test_a_theme_that_there_is_not_is_refused():
    with pytest.raises(RequestError) as refused:
        NNInspectApp(FakeClient(), recipe(), chosen=chosen("theme = 'nrd'", theme="nrd"))
    assert str(refused.value) == "mine.toml, line 1: there is no theme 'nrd'; did you mean nord?"


def test_settings_that_cannot_be_taken_up_leave_no_worker_behind():
    client = FakeClient()
    with pytest.raises(RequestError, match="there is no theme"):
        run(client, recipe(), chosen=chosen(theme="nrd"))
    assert client.closed


async def test_the_new_key_does_it_and_is_shown_and_the_old_one_says_where_it_went():
    async with session(chosen=chosen(keys={"forward": "ctrl+f", "down": "ctrl+n", "trace": "alt+t"})) as ui:
        assert "ctrl+f Forward" in ui.text
        await ui.press("ctrl+n")
        assert ui.app.row.path == "conv1"
        assert "Forward is on ctrl+f now" in await ui.press("f")
        assert not ui.app.screen.is_modal
        assert "Run the model" in await ui.press("ctrl+f")


async def test_a_letter_that_steps_at_a_stop_still_does_where_its_other_action_has_another_key():
    async with session(chosen=chosen(keys={"trace": "alt+t"})) as ui:
        await ui.press("S")
        asked = len(ui.client.asked)
        await ui.press("r")
        assert [type(one).__name__ for one in ui.client.asked[asked:]] == ["Step"]


async def test_sentences_name_the_new_keys():
    keys = {"forward": "ctrl+f", "check": "alt+c", "step_start": "alt+s", "search": "f3"}
    async with session(chosen=chosen(keys=keys), size=(160, 45)) as ui:
        assert "Press alt+c to look for defects" in await ui.press("8")
        assert "Press alt+s to begin one" in await ui.press("9")
        assert "press f3 to search" in await ui.press("n")
        assert "ctrl+f runs one" in await ui.press("K")


def test_a_sentence_that_names_a_key_names_it_by_its_action():
    """Every field in a sentence is the id of an action."""
    named = [
        field
        for module in (Path(__file__).parents[2] / "inspector" / "tui").glob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\{\w+\} \w", node.value)
        for field in re.findall(r"\{(\w+)\}", node.value)
    ]
    assert len(named) > 20
    assert set(named) <= ACTIONS.keys()
