"""Mending a checkpoint in the interface: which file, what is said of it, the mended file, and loading it."""

import asyncio
from pathlib import Path

import msgspec
import pytest
import torch
from fake_client import FakeClient, mended
from safetensors.torch import load_file
from screen_text import session

from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.loads import LoadRule
from inspector.core.recipe import Recipe
from inspector.core.repair import RepairSettings
from inspector.tui.app import NNInspectApp
from inspector.tui.repair_dialogs import suggested_output
from inspector.tui.repair_page import LISTED, repair_page
from inspector.tui.screenshot import settle
from inspector.worker import protocol
from inspector.worker.process_client import ProcessClient

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[2] / "sample_models"
LOOK = RepairSettings(weights="lenet.params")


def words(ui):
    """The screen's text without frames and line breaks."""
    return " ".join(ui.text.replace("│", " ").split())


async def test_the_file_asked_for_begins_with_the_models_weights_and_nothing_is_written():
    async with session() as ui:
        await ui.press("W")
        assert "Mend a checkpoint" in ui.text
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Repair) == [protocol.Repair(settings=LOOK)]


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_the_page_says_all_that_the_report_says(size):
    async with session(size=size) as ui:
        await ui.press("W", "enter")
        said = words(ui)
        for _ in range(6):
            said += words(ui) if await ui.press("pagedown") else ""
        for fact in (
            "3.7 % of the model's elements are filled from net, 2 keys",
            "drop wrapper: module. → (nothing) (2 tensors, for n ≥ 3, confidence 0.9)",
            "fc.scale",
            "neck.weight",
            "fc.weight: 7×1176 in the file, 10×1176 in the model",
            "conv1.bias could be made of a.bias, b.bias: both are 6 long",
            "fc: load the rest",
            "nninspect lenet.py --weights lenet.params --args num_classes=7",
            "fc.bias",
            "steps, only in the file: a counter",
            "ema: average, 50 % of the model's elements",
            "a note",
            "state = {}",
            "esc back",
        ):
            assert fact in said


async def test_the_python_is_copied():
    async with session() as ui:
        assert "copied" in await ui.press("W", "enter", "y")
        assert ui.app.clipboard == "import torch\nstate = {}"


async def test_a_file_that_cannot_be_read_is_explained_where_it_was_typed():
    client = FakeClient()
    client.answers[protocol.Repair] = RequestError("w.pt: there is no such file")
    async with session(client=client) as ui:
        await ui.press("W")
        await ui.write("weights", "w.pt")
        assert "there is no such file" in await ui.press("enter")
        assert ui.app.screen.query_one("#weights").value == "w.pt"
        await ui.write("weights", " ")
        assert "the file has no name" in await ui.press("enter")
        assert len(client.asked_for(protocol.Repair)) == 1


async def test_what_does_not_fill_the_model_is_written_only_where_that_is_allowed():
    async with session() as ui:
        await ui.press("W", "enter", "w")
        await ui.write("output", "out.pt")
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Repair)[-1].settings == msgspec.structs.replace(LOOK, output="out.pt")
        assert "out.pt is not written: the file does not fill the model; --partial writes what fits" in words(ui)
        assert ui.app.screen.query_one("#output").value == "out.pt"
        await ui.press("tab", "space", "tab", "space", "tab", "space", "ctrl+s")
        assert ui.client.asked_for(protocol.Repair)[-1].settings == msgspec.structs.replace(
            LOOK, output="out.pt", partial=True, guess=True, allow=["weight_norm_fold"]
        )
        assert "wrote out.pt" in ui.text
        assert "Load the mended" in ui.text


async def test_a_file_that_exists_is_replaced_only_after_a_question(tmp_path):
    path = tmp_path / "mended.pt"
    path.write_text("precious")
    async with session() as ui:
        await ui.press("W", "enter", "w")
        await ui.write("output", str(path))
        await ui.press("enter")
        assert len(ui.client.asked_for(protocol.Repair)) == 1
        assert "again to overwrite" in words(ui)
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Repair)[-1].settings.overwrite
        await ui.write("output", str(tmp_path / "other.pt"))
        await ui.press("enter")
        assert not ui.client.asked_for(protocol.Repair)[-1].settings.overwrite


async def test_a_refusal_to_write_comes_back_to_the_dialog():
    client = FakeClient()
    async with session(client=client) as ui:
        await ui.press("W", "enter", "w")
        client.answers[protocol.Repair] = RequestError("out.txt: a state_dict is saved as .safetensors")
        await ui.write("output", "out.txt")
        await ui.press("enter")
        assert "a state_dict is saved as .safetensors" in words(ui)
        assert ui.app.screen.query_one("#output").value == "out.txt"
        await ui.press("escape")
        assert "lenet.params in this model" in ui.text


async def test_a_look_can_be_cancelled():
    client = FakeClient()
    async with session(client=client) as ui:
        await ui.press("W")
        client.gate.clear()
        client.answers[protocol.Repair] = RequestCancelledError("cancelled")
        await ui.pilot.press("enter")
        await ui.until(lambda: "aligning lenet.params" in ui.text, "it is under way")
        client.tell(protocol.Progress(1, 0, None, "trying other constructor arguments"))
        await ui.until(lambda: "trying other constructor" in ui.text, "progress is shown")
        await ui.pilot.press("escape")
        await ui.until(lambda: client.cancelled == 1, "the client is told")
        client.gate.set()
        await ui.until(lambda: "cancelled: aligning" in ui.text, "it is said")
        assert not ui.app.screen.is_modal


@pytest.mark.parametrize(
    ("keys", "weights", "arguments"),
    [(["l"], "other.pt", ""), (["a"], "other.pt", "num_classes=7"), (["w", "tab", "space", "ctrl+s", "l"], "o.pt", "")],
)
async def test_loading_opens_the_model_anew_with_another_recipe(keys, weights, arguments):
    async with session() as ui:
        await ui.press("M", "W")
        await ui.write("weights", "other.pt")
        await ui.press("enter", *keys[:1])
        if keys[0] == "w":
            await ui.write("output", "o.pt")
            await ui.press(*keys[1:])
        opened = ui.client.asked_for(protocol.Open)[-1].recipe
        assert (opened.target, opened.weights, opened.arguments) == ("lenet.py", weights, arguments)
        assert ui.app.recipe == opened
        assert not ui.app.can_undo
        await ui.press("R")
        assert ui.client.asked_for(protocol.Open)[-1].recipe == opened


async def test_where_the_model_does_not_open_with_it_the_former_recipe_stays():
    client = FakeClient()
    table = client._answer(protocol.Open(recipe=Recipe(target="lenet.py")))

    def opened(request):
        if request.recipe.weights == "bad.pt":
            raise RequestError("bad.pt holds nothing")
        return table

    client.answers[protocol.Open] = opened
    async with session(client=client) as ui:
        await ui.press("W")
        await ui.write("weights", "bad.pt")
        assert "bad.pt holds nothing" in await ui.press("enter", "l")
        tried = [one.recipe.weights for one in client.asked_for(protocol.Open)]
        assert tried == ["lenet.params", "bad.pt", "lenet.params"]
        assert ui.app.recipe.weights == "lenet.params"
        assert "conv1" in await ui.press("escape")


async def test_without_arguments_proposed_there_is_no_key_for_them():
    client = FakeClient()
    client.answers[protocol.Repair] = msgspec.structs.replace(mended(LOOK), arguments="", rules=[])
    async with session(client=client) as ui:
        assert "--args" not in await ui.press("W", "enter", "a")
        assert ui.app.screen.is_modal
        assert "nothing to copy" in await ui.press("y")
        assert not ui.app.clipboard


async def test_keys_are_drawn_as_they_are():
    name = "[/]\x1b[2J[bold red]\u202e"
    report = mended(LOOK)
    hostile = msgspec.structs.replace(
        report, verdict=name, container=name, missing=[name], unexpected=[name], notes=[name], arguments="a=1",
        snippet=f"{name}\nstate", ambiguous=[], rules=[LoadRule(kind=name, from_=name, to=name, tensors=1)],
    )  # fmt: skip
    client = FakeClient()
    client.answers[protocol.Repair] = hostile
    async with session(client=client, size=(160, 45)) as ui:
        await ui.press("W")
        await ui.write("weights", f"{name}.pt")
        text = await ui.press("enter")
        assert text.count("[/]\\x1b[2J[bold red]\\u202e") >= 6
        assert all(line.isprintable() for line in text.splitlines())
        await ui.press("y", "w", "escape", "escape")
        assert not ui.app.screen.is_modal


def test_long_lists_are_counted_on_the_page():
    report = msgspec.structs.replace(mended(LOOK), missing=[f"k{n}" for n in range(LISTED + 3)])
    text = repair_page(report, "").content(80).plain
    assert "… and 3 more" in text
    assert f"k{LISTED}" not in text


@pytest.mark.parametrize(
    ("weights", "output"),
    [
        ("runs/best.ckpt", "runs/best-mended.safetensors"),
        ("w.safetensors", "w-mended.safetensors"),
        (".", "mended.safetensors"),
    ],
)
def test_the_mended_file_is_beside_the_file_and_never_over_it(weights, output):
    assert suggested_output(weights) == output


async def test_a_real_checkpoint_is_mended_and_loaded(tmp_path):
    state = torch.load(SAMPLES / "lenet.params", weights_only=True)
    weights, output = tmp_path / "w.ckpt", tmp_path / "m.safetensors"
    torch.save({"net": {f"module.{key}": value for key, value in state.items()}}, weights)
    recipe = Recipe(target=str(SAMPLES / "lenet.py"), weights=str(weights))
    client = ProcessClient()
    app = NNInspectApp(client, recipe)
    try:
        async with app.run_test(size=(120, 40)) as pilot, asyncio.timeout(120):
            await settle(app, pilot)
            for key in ("W", "enter", "w"):
                await pilot.press(key)
                await settle(app, pilot)
            app.screen.query_one("#output").value = str(output)
            for key in ("enter", "l"):
                await pilot.press(key)
                await settle(app, pilot)
            assert app.recipe.weights == str(output)
            assert (app.table.load.matched, app.table.load.coverage) == (len(state), 1.0)
            written = load_file(output)
            assert written.keys() == state.keys()
            assert all(torch.equal(written[key], value) for key, value in state.items())
    finally:
        await client.close()


async def test_another_state_dict_of_the_file_is_chosen_and_loaded():
    async with session() as ui:
        page = await ui.press("W", "enter")
        assert "Other part" in page
        said = await ui.press("c")
        assert "net: taken now, 3.7 %" in said
        assert "ema: average, 50 %" in said
        await ui.press("down", "space", "ctrl+s")
        assert ui.client.asked_for(protocol.Repair)[-1].settings == msgspec.structs.replace(LOOK, container="ema")
        await ui.press("l")
        opened = ui.client.asked_for(protocol.Open)[-1].recipe
        assert (opened.weights, opened.container) == ("lenet.params", "ema")


async def test_a_file_with_one_state_dict_offers_no_other():
    client = FakeClient()
    client.answers[protocol.Repair] = msgspec.structs.replace(mended(LOOK), others=[])
    async with session(client=client) as ui:
        assert "Other part" not in await ui.press("W", "enter", "c")
        assert ui.app.screen.is_modal
