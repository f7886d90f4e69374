"""A model is shown as it was left, hints end with their use, and without being asked nothing is written."""

import msgspec
import pytest
from fake_client import FakeClient, lenet
from screen_text import session

from inspector.core.settings import Settings
from inspector.files.settings_file import SettingsFile
from inspector.files.user_folders import state_folder
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def person(**settings):
    return {"chosen": SettingsFile(settings=Settings(**settings), file="mine.toml"), "remembers": True}


async def leave(ui):
    ui.app.exit()
    await ui.pilot.pause()


async def test_row_panel_and_folds_are_as_they_were_left():
    async with session(**person()) as ui:
        await ui.press("G", "3", "g", "space", "down")
        at, lines = ui.app.module_tree.state.cursor, list(ui.app.module_tree.lines())
        await leave(ui)
    async with session(**person()) as ui:
        assert ui.app.side.current == "names"
        assert (ui.app.module_tree.state.cursor, list(ui.app.module_tree.lines())) == (at, lines)


async def test_the_input_chosen_is_that_of_the_first_pass_and_it_is_said():
    async with session(**person()) as ui:
        await ui.press("right_square_bracket")
        await leave(ui)
    async with session(**person()) as ui:
        (first,) = ui.client.asked_for(protocol.Trace)
        assert [str(one) for one in first.inputs] == ["x=1x3x33x33"]
        assert "as last time, with the input x=1x3x33x33" in ui.text


@pytest.mark.parametrize("how", [{}, person(remember=False)])
async def test_without_being_asked_nothing_is_read_or_written(how):
    async with session(**how) as ui:
        await ui.press("3")
        await leave(ui)
    assert not state_folder().exists()


async def test_what_does_not_read_is_passed_over_with_a_line_in_the_log():
    async with session(**person()) as ui:
        await leave(ui)
    (file,) = (state_folder() / "models").iterdir()
    file.write_text("{")
    async with session(**person()) as ui:
        assert "nothing is remembered of this model" in await ui.press("L")


async def test_another_model_at_the_same_place_is_shown_as_far_as_it_goes():
    async with session(**person()) as ui:
        await ui.press("G")
        await leave(ui)
    smaller = msgspec.structs.replace(lenet(), rows=lenet().rows[:1])
    smaller.rows[0] = msgspec.structs.replace(smaller.rows[0], subtree=1)
    client = FakeClient(smaller)
    async with session(client=client, **person()) as ui:
        assert ui.app.row.index == 0


async def test_a_hint_goes_with_its_use_and_stays_away():
    async with session(**person()) as ui:
        assert "space folds" in ui.text
        text = await ui.press("space")
        assert "space folds" not in text
        assert ". lists what can be done here" in text
        await leave(ui)
    async with session(**person()) as ui:
        assert ". lists what can be done here" in ui.text


async def test_hints_name_the_keys_in_force_and_can_be_switched_off():
    async with session(**person(keys={"toggle": "alt+t"})) as ui:
        assert "alt+t folds" in ui.text
    async with session(**person(hints=False)) as ui:
        assert "folds" not in ui.text


async def test_what_the_tree_shows_at_first_is_a_setting():
    async with session(chosen=person(functions=False, spelling="saved")["chosen"]) as ui:
        assert "relu" not in ui.text
        assert "module" in ui.text.splitlines()[2]


async def test_the_theme_chosen_last_is_taken_unless_a_setting_names_one():
    async with session(**person()) as ui:
        ui.app.theme = "gruvbox"
        await leave(ui)
    async with session(**person()) as ui:
        assert ui.app.theme == "gruvbox"
        await leave(ui)
    async with session(**person(theme="nord")) as ui:
        assert ui.app.theme == "nord"
        await leave(ui)
    async with session(**person()) as ui:
        assert ui.app.theme == "gruvbox"


async def test_damaged_habits_are_passed_over_with_a_line_in_the_log():
    state_folder().mkdir()
    (state_folder() / "habits.json").write_text("[")
    async with session(**person()) as ui:
        assert "no habits are remembered" in await ui.press("L")


async def test_what_could_not_be_drawn_is_not_remembered(monkeypatch):
    async with session(**person()) as ui:
        await ui.press("3")
        monkeypatch.setattr(type(ui.app), "is_headless", False)
        ui.app._handle_exception(ZeroDivisionError("in a panel"))
        assert ui.app.return_code == 1
        assert "your changes" not in str(ui.app._exit_renderables)
    assert not (state_folder() / "models").exists()
