"""A workspace saved by a key and taken up again: all that was typed is there, nothing that was computed."""

import pytest
import torch
from fake_client import FakeClient, recipe
from screen_text import Session, session

from inspector.core.recipe import InputSpec, Recipe
from inspector.core.workspace import Resumed
from inspector.files.workspaces import read_workspace
from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle
from inspector.worker import protocol
from inspector.worker.given_inputs import FOLDER_OF_GIVEN
from inspector.worker.opening import client_for

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        self.tail = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))

    def forward(self, x):
        return self.tail(self.head(x))
"""


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MODEL)


async def save(ui, path="w.json"):
    await ui.press("ctrl+s")
    await ui.write("path", path)
    return await ui.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_key_writes_it_and_says_how_to_go_on(size):
    async with session(size=size) as ui:
        assert "lenet.workspace.json" in await ui.press("ctrl+s")
        assert "wrote lenet.workspace.json: nninspect --resume" in await ui.press("enter")
        written = read_workspace("lenet.workspace.json")
        assert (written.recipe.target, written.recipe.weights) == ("lenet.py", "lenet.params")


async def test_a_folder_of_nobody_is_said_in_the_dialog():
    async with session() as ui:
        assert "there is no such user" in await save(ui, "~nobody-of-that-name/w.json")
        assert ui.app.screen.is_modal


async def test_tensors_that_a_program_gave_are_in_no_workspace(tmp_path):
    async with session() as ui:
        ui.app.inputs = [InputSpec(file=str(tmp_path / f"{FOLDER_OF_GIVEN}x" / "input-1.pt"))]
        assert "tensors of your own program, which no later one has; t writes others" in await ui.press("ctrl+s")
        assert not ui.app.screen.is_modal


async def test_its_own_file_is_replaced_and_another_asked_about(tmp_path):
    async with session() as ui:
        await save(ui)
        await ui.press("m")
        assert "wrote w.json" in await save(ui)
        assert len(read_workspace("w.json").recipe.edits) == 1
        (tmp_path / "other.json").write_text("mine")
        assert "other.json exists" in await save(ui, "other.json")
        assert (tmp_path / "other.json").read_text() == "mine"


async def test_where_it_cannot_be_written_the_dialog_says_so():
    async with session() as ui:
        assert "the folder" in await save(ui, "no/such/w.json")
        assert ui.app.screen.is_modal


async def test_changes_breakpoints_folds_and_row_are_there_again(tmp_path):
    async def run(of_recipe, resumed, keys):
        client = client_for(of_recipe)
        app = NNInspectApp(client, of_recipe, resumed)
        try:
            async with app.run_test(size=(120, 40)) as pilot:
                await settle(app, pilot, seconds=60)
                ui = Session(app, pilot, client)
                result = await keys(ui)
                (tmp_path / "state.pt").unlink(missing_ok=True)
                await client.request(protocol.Save(path=str(tmp_path / "state.pt")))
                return result, torch.load(tmp_path / "state.pt"), client.journal
        finally:
            await client.close()

    async def work(ui):
        await ui.press("down", "down", "i")
        await ui.write("where", "head.0.weight")
        await ui.press("ctrl+s", "up", "m", "m", "m", "u", "u")
        await ui.press("f9", "space", "G")
        await save(ui)
        return ui.app.module_tree.state, ui.app.row.path

    async def look(ui):
        assert "resumed w.json" in ui.text
        assert ui.app.stepping.breakpoints == ["head"]
        seen = ui.app.module_tree.state, ui.app.row.path
        await ui.press("ctrl+r", "ctrl+r", "u", "u")
        return seen

    shown, before, journal = await run(Recipe(target="m.py", seed=3), None, work)
    assert shown[1] == "tail.1"
    assert [place.path for place in shown[0].folded] == ["head"]
    assert len(journal.done) == 2
    assert len(journal.undone) == 2
    workspace = read_workspace("w.json")
    shown_again, after, again = await run(workspace.recipe, Resumed(path="w.json", workspace=workspace), look)
    assert shown_again == shown
    assert again == journal
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


async def test_what_has_changed_since_is_said():
    client = FakeClient()
    async with session(client=client) as ui:
        await save(ui)
    resumed = Resumed(path="w.json", workspace=read_workspace("w.json"), changed=["lenet.py has changed"])
    app = NNInspectApp(FakeClient(), recipe(), resumed)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot, seconds=20)
        text = Session(app, pilot, None).text
        assert "Since w.json was saved" in text
        assert "lenet.py has changed" in text
