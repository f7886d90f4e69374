"""Changing and running the model through the dialogs: what is sent to the engine, and what is said then."""

import msgspec
import pytest
import torch
from fake_client import FakeClient, lenet
from screen_text import session
from textual import events

from inspector.core.device_budgets import Budget
from inspector.core.edits import Edit
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.table import Input, SizeRange
from inspector.engine.values import read_values
from inspector.files.journals import read_journal, write_journal
from inspector.worker import protocol

pytestmark = pytest.mark.slow


async def test_forward_asks_for_inputs_batch_and_seed_and_shows_every_row():
    async with session() as ui:
        await ui.press("f")
        await ui.write("batch", "8")
        await ui.write("seed", "3")
        await ui.press("enter")
        request = ui.client.asked_for(protocol.Forward)[0]
        assert request == protocol.Forward(
            settings=ForwardSettings(inputs=[InputSpec(name="x", shape=[8, 3, 32, 32])], seed=3, backward=False)
        )
        assert ui.app.side.current == "activations"
        assert "0.0012" in ui.text
        assert "tensor([[0.1, -0.2]])" in ui.text


@pytest.mark.parametrize(("batch", "sent"), [("10", ["10x16", "2x40:int64"]), ("3", ["3x16", "2x40:int64"])])
async def test_the_batch_size_is_that_of_the_inputs_that_had_it(batch, sent):
    inputs = [
        Input(name=name, shape=shape, dtype=dtype, origin="given", alternatives=[], spec=f"{name}={spec}")
        for name, shape, dtype, spec in [
            ("x", [10, 16], "float32", "10x16"),
            ("edge_index", [2, 40], "int64", "2x40:int64"),
        ]
    ]
    async with session(msgspec.structs.replace(lenet(), inputs=inputs)) as ui:
        await ui.press("f")
        await ui.write("batch", batch)
        await ui.press("enter")
        (asked,) = ui.client.asked_for(protocol.Forward)
        assert [str(one).partition("=")[2] for one in asked.settings.inputs] == sent


async def test_moving_in_the_run_moves_in_the_tree():
    async with session() as ui:
        await ui.press("f", "enter", "5", "tab", "down", "down")
        assert ui.app.module_tree.row_at == 2


async def test_b_runs_backward_too():
    async with session() as ui:
        await ui.press("b", "enter")
        assert ui.client.asked_for(protocol.Forward)[0].settings.backward


async def test_a_wrong_input_stays_in_the_dialog_and_is_explained():
    async with session() as ui:
        await ui.press("f")
        await ui.write("input-0", "1x3xcat")
        assert "is not an input" in await ui.press("enter")
        assert not ui.client.asked_for(protocol.Forward)


async def test_a_pass_from_before_a_change_is_called_old():
    async with session() as ui:
        await ui.press("f", "enter")
        assert "before the last change" not in ui.text
        assert "before the last change" in await ui.press("m", "5")


async def test_initialising_shows_the_effect_before_it_is_applied():
    async with session() as ui:
        await ui.press("down", "i")
        for fact in (
            "in 75, out 150",
            "bound = gain·√(3/fan_in)",
            "0.0012 ± 0.4",
            "0.5 ± 0.4",
            "conv1.bias",
            "fewer than two axes",
        ):
            assert fact in ui.text
        assert not ui.client.asked_for(protocol.Apply)
        await ui.press("ctrl+s")
        applied = ui.client.asked_for(protocol.Apply)[0].edit
        assert (applied.action, applied.where) == ("initialise", "module:conv1")
        assert applied.argument.startswith("kaiming_uniform_(a=0")


async def test_the_preview_follows_the_parameters_and_a_wrong_one_is_explained():
    async with session() as ui:
        await ui.press("i")
        await ui.write("rule", "sparse_")
        await ui.write("argument-sparsity", "2")
        assert "at most 1" in ui.text
        await ui.write("argument-sparsity", "0.25")
        assert ui.client.asked_for(protocol.Preview)[-1].edit.argument == "sparse_(sparsity=0.25, std=0.01)"


async def test_what_it_does_to_the_signal_is_measured_where_that_is_ticked():
    async with session() as ui:
        await ui.press("down", "i")
        assert "×1.41 predicted" in ui.text
        assert not ui.client.asked_for(protocol.Preview)[-1].measured
        ui.app.screen.query_one("#measured").value = True
        await ui.press("shift+tab")
        assert ui.client.asked_for(protocol.Preview)[-1].measured
        assert "×1.41 predicted, ×0.58 | ×1.4 measured" in ui.text
        assert "std 0.3 | 0.7" in ui.text


async def test_undo_and_redo_are_dimmed_until_there_is_something():
    async with session() as ui:
        await ui.press("u", "ctrl+r")
        assert not ui.client.asked_for(protocol.Undo)
        await ui.press("m")
        assert ui.client.asked_for(protocol.Apply)[0].edit == Edit(action="mode", where="", argument="train")
        await ui.press("u")
        assert len(ui.client.asked_for(protocol.Undo)) == 1
        await ui.press("u", "ctrl+r")
        assert len(ui.client.asked_for(protocol.Undo)) == 1
        assert len(ui.client.asked_for(protocol.Redo)) == 1


async def test_setting_an_element_checks_the_index_against_the_shape():
    async with session() as ui:
        await ui.press("down", "e")
        await ui.write("at", "0, 0, 0, 9")
        assert "outside axis 3" in await ui.press("enter")
        await ui.write("at", "[0, 2, -1, 4]")
        await ui.write("value", "0.5")
        await ui.press("enter")
        edit = ui.client.asked_for(protocol.Apply)[0].edit
        assert edit == Edit(action="set_element", where="conv1.weight", index=[0, 2, 4, 4], argument="0.5")


@pytest.mark.parametrize("index", ["", "[2, 1, :, 3]", "5, :, 1:4:2, -1"])
async def test_setting_an_element_begins_with_what_is_looked_at(index):
    weight = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    client = FakeClient()
    client.answers[protocol.Values] = lambda request: read_values(weight, request.key, request.index, request.limit)
    async with session(client=client) as ui:
        await ui.press("down", "4", "4")
        await ui.write("index", index)
        await ui.press("enter", "e", "enter")
        edit = ui.client.asked_for(protocol.Apply)[0].edit
        first = {"": (0, 0, 0, 0), "[2, 1, :, 3]": (2, 1, 0, 3), "5, :, 1:4:2, -1": (5, 0, 1, 4)}[index]
        assert tuple(edit.index) == first
        assert torch.tensor(float(edit.argument)) == weight[first]


async def test_without_values_at_hand_an_element_begins_at_zero():
    async with session() as ui:
        await ui.press("down", "e", "enter")
        edit = ui.client.asked_for(protocol.Apply)[0].edit
        assert (edit.index, edit.argument) == ([0, 0, 0, 0], "0")


async def test_the_device_dialogs_choice_shows_without_colour():
    async with session() as ui:
        await ui.press("down", "d")
        marked = [line for line in ui.text.splitlines() if "●" in line]
        assert len(marked) == 1
        assert "the module conv1" in marked[0]
        await ui.press("tab", "down", "space")
        marked = [line for line in ui.text.splitlines() if "●" in line]
        assert len(marked) == 1
        assert "the whole model" in marked[0]


async def test_only_devices_that_exist_are_offered_with_their_memory():
    async with session() as ui:
        await ui.press("down", "d")
        assert "4.00 GiB free of 8.00 GiB" in ui.text
        await ui.press("down", "enter")
        assert ui.client.asked_for(protocol.Apply)[0].edit == Edit(action="place", where="conv1", argument="meta")


async def test_whether_the_model_fits_stands_below_the_devices():
    async with session() as ui:
        text = await ui.press("d")
        asked = ui.client.asked_for(protocol.Memory)[0].settings
        assert asked.devices == ["cpu"]
        assert "on cpu: inference fits, 1.00 GiB left; training lacks 2.00 MiB" in text


async def test_devices_that_are_typed_make_a_plan_and_nothing_moves():
    async with session() as ui:
        await ui.press("d")
        await ui.write("over", "cuda:0=8KiB,cpu=1GiB")
        ui.app.screen.query_one("#over").focus()
        text = await ui.press("enter")
        settings = ui.client.asked_for(protocol.Plan)[0].settings
        assert settings.budgets == [Budget(device="cuda:0", bytes=8192), Budget(device="cpu", bytes=1 << 30)]
        assert not ui.client.asked_for(protocol.Apply)
        marked = {line.split()[0]: line for line in text.splitlines() if line.strip()}
        assert "→ cuda:0" in marked["conv1"]
        assert "⇄ 4.59 KiB" in marked["fc"]
        for fact in ("Plan over devices  fits", "1.78 KiB of 8.00 KiB", "Block: joins what"):
            assert fact in text
        assert "4.59 KiB of its inputs" in await ui.press("G")


async def test_a_pass_by_the_plan_is_asked_for_where_that_is_ticked():
    async with session() as ui:
        assert "by the plan" not in await ui.press("f")
        await ui.press("escape", "d")
        await ui.write("over", "cpu=8KiB,disk")
        ui.app.screen.query_one("#over").focus()
        await ui.press("enter")
        assert "by the plan over cpu=8KiB,disk" in await ui.press("f")
        await ui.write("folder", "/some/folder")
        ui.app.screen.query_one("#placed").value = True
        await ui.press("ctrl+s")
        placement = ui.client.asked_for(protocol.Forward)[-1].settings.placement
        assert [one.device for one in placement.budgets] == ["cpu", "disk"]
        assert placement.folder == "/some/folder"


async def test_enter_on_a_device_moves_also_where_a_plan_was_made():
    async with session() as ui:
        await ui.press("d")
        await ui.write("over", "cpu,disk")
        ui.app.screen.query_one("#over").focus()
        await ui.press("enter", "d", "down", "enter")
        assert ui.client.asked_for(protocol.Apply)[0].edit == Edit(action="place", where="", argument="meta")


async def test_a_wrong_device_stays_in_the_dialog_and_is_explained():
    async with session() as ui:
        await ui.press("d")
        await ui.write("over", "gpu1=8KiB")
        ui.app.screen.query_one("#over").focus()
        assert "is no device" in await ui.press("enter")
        assert not ui.client.asked_for(protocol.Plan)


async def test_saving_asks_before_it_overwrites(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_text("precious")
    async with session() as ui:
        await ui.press("s")
        await ui.write("path", str(path))
        await ui.press("enter")
        assert not ui.client.asked_for(protocol.Save)
        assert "again to overwrite" in " ".join(ui.text.split())
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Save) == [protocol.Save(path=str(path), overwrite=True)]
        await ui.press("s")
        await ui.write("path", str(tmp_path / "new.pt"))
        await ui.press("enter")
        assert ui.client.asked_for(protocol.Save)[-1].overwrite is False


async def test_an_onnx_models_weights_go_beside_it_where_that_is_ticked(tmp_path):
    async with session(onnx_lenet()) as ui:
        ui.app.recipe = Recipe(target=str(tmp_path / "lenet.onnx"))
        await ui.press("s", "enter")
        await ui.press("s", "tab", "space", "ctrl+s")
        path = str(tmp_path / "lenet-changed.onnx")
        assert ui.client.asked_for(protocol.Save) == [
            protocol.Save(path=path, overwrite=False, external_data=asked) for asked in (False, True)
        ]


@pytest.mark.parametrize(("key", "shape"), [("]", [1, 3, 33, 33]), ("[", [1, 3, 33, 33])])
async def test_brackets_step_through_the_inputs_that_work(key, shape):
    name = {"]": "right_square_bracket", "[": "left_square_bracket"}[key]
    async with session() as ui:
        await ui.press(name)
        assert ui.client.asked_for(protocol.Trace)[-1].inputs == [InputSpec(name="x", shape=shape)]


async def test_stepping_says_which_of_the_sizes_that_do_it_now_is():
    async with session(lenet_of(range(32, 36))) as ui:
        assert "x 1×3×33×33: 33 of 32…35" in await ui.press("right_square_bracket")
    async with session() as ui:
        assert "x 1×3×33×33: 2 of 2 to step through" in await ui.press("right_square_bracket")


def lenet_of(sides):
    """The LeNet that takes images of these sizes, as the engine says it."""
    table = lenet()
    sizes = SizeRange(axes=[2, 3], low=sides[0], high=sides[-1])
    known = msgspec.structs.replace(
        table.inputs[0], sizes=[sizes], reason="32 is the usual size among 32…35", solutions="h and w from 32 to 35",
        equation="16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400",
    )  # fmt: skip
    return msgspec.structs.replace(table, inputs=[known])


async def test_the_input_dialog_says_why_this_input_and_which_others_do():
    async with session(lenet_of(range(32, 36)), size=(80, 24)) as ui:
        text = await ui.press("t")
        assert "32 is the usual size among 32…35" in text
        assert "h and w from 32 to 35: 16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400" in text
        assert "let it be worked out" in text


async def test_the_input_dialog_takes_specs_as_typed_after_input():
    async with session() as ui:
        await ui.press("t")
        await ui.write("specs", "x=2x3x64x64~uniform; ids=2x5:int64~range(0,7)")
        await ui.press("enter")
        inputs = ui.client.asked_for(protocol.Trace)[-1].inputs
        assert [str(one) for one in inputs] == ["x=2x3x64x64~uniform", "ids=2x5:int64~range(0,7)"]


async def test_comparing_with_a_clone_says_the_verdict():
    async with session() as ui:
        assert "Y_clone == Y" in await ui.press("c")


async def test_the_script_of_the_changes_can_be_read_and_copied():
    async with session() as ui:
        await ui.press("M", "P")
        assert "import" in ui.text
        await ui.press("y")
        assert "lenet.py" in ui.app.clipboard


async def test_the_journal_is_walked_back_and_forward_and_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with session() as ui:
        await ui.press("down", "m", "M", "m", "J")
        for fact in ("3 changes made, 0 undone", "mode  conv1", "▸   3", "changed", "seed"):
            assert fact in ui.text
        await ui.press("up", "up", "s")
        assert "wrote 3 changes to lenet.journal.json" in ui.text
        assert len(read_journal("lenet.journal.json")) == 3
        await ui.press("enter")
        assert len(ui.client.journal.done) == 1
        await ui.press("J")
        assert "1 change made, 2 undone" in ui.text
        await ui.press("end", "enter")
        assert [edit.where for edit in ui.client.journal.done] == ["conv1", "", "conv1"]
        assert len(ui.client.asked_for(protocol.Apply)) == 3


async def test_saving_the_journal_replaces_no_other_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet.journal.json").write_text("mine")
    async with session() as ui:
        await ui.press("M", "J", "s")
        assert "exists" in ui.text
        assert (tmp_path / "lenet.journal.json").read_text() == "mine"
        await ui.press("escape")
        assert len(ui.client.journal.done) == 1


async def test_the_journal_of_another_session_is_replaced_only_when_asked_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_journal("lenet.journal.json", [])
    async with session() as ui:
        assert "changes of another session" in await ui.press("M", "J", "s")
        assert "changes of another session" in await ui.press("escape", "J", "s")
        assert read_journal("lenet.journal.json") == []
        assert "wrote 1 change" in await ui.press("s")
        assert "wrote 2 changes" in await ui.press("escape", "M", "J", "s")


async def test_keys_typed_in_a_burst_are_taken_one_after_the_other():
    async with session() as ui:
        await ui.press("down", "e")
        burst = [*"ak", *"1,0,0,2", "tab", *"ak", *"60", "backspace", "5", "enter", "3"]
        # As a terminal delivers it: all keys are there before the first one is handled.
        for key in burst:
            name = {",": "comma", "a": "ctrl+a", "k": "ctrl+k"}.get(key, key)
            ui.app.post_message(events.Key(name, key if len(key) == 1 and name in (key, "comma") else None))
        await ui.press("f12")
        edit = ui.client.asked_for(protocol.Apply)[0].edit
        assert (edit.index, edit.argument) == ([1, 0, 0, 2], "65")


def onnx_lenet():
    """The same rows as those of a graph, each with a name for what it puts out."""
    table = lenet()
    rows = [
        msgspec.structs.replace(row, values=[f"{row.path or 'all'}_output"], output_shapes=row.output_shapes[:1])
        for row in table.rows
    ]
    return msgspec.structs.replace(table, rows=rows, model=msgspec.structs.replace(table.model, framework="onnx"))


async def test_o_shows_what_the_row_put_out_and_once_more_its_tensor():
    client = FakeClient(onnx_lenet())
    async with session(client=client) as ui:
        await ui.press("o")
        assert client.asked_for(protocol.Values) == []
        assert "no pass has run" in ui.text
        await ui.press("f", "enter", "down", "o")
        row = ui.app.row
        assert client.asked_for(protocol.Values)[-1].key == row.values[0]
        assert row.values[0] in ui.text
        await ui.press("o")
        assert client.asked_for(protocol.Values)[-1].key in {one.key for one in lenet().tensors}


async def test_a_new_pass_brings_new_values():
    client = FakeClient(onnx_lenet())
    async with session(client=client) as ui:
        await ui.press("f", "enter", "down", "o")
        before = len(client.asked_for(protocol.Values))
        await ui.press("f", "enter", "4")
        assert len(client.asked_for(protocol.Values)) == before + 1


async def test_the_dialog_offers_optimisations_for_onnx_only():
    client = FakeClient(onnx_lenet())
    async with session(client=client) as ui:
        await ui.press("f")
        ui.app.screen.query_one("#optimised").value = True
        await ui.press("ctrl+s")
        assert client.asked_for(protocol.Forward)[0].optimised
    async with session() as ui:
        await ui.press("f")
        assert not ui.app.screen.query("#optimised")


async def test_what_lies_on_meta_is_offered_values_on_another_device():
    table = lenet()
    tensors = [msgspec.structs.replace(one, device="meta") for one in table.tensors if one.key.startswith("fc")]
    kept = [one for one in table.tensors if not one.key.startswith("fc")]
    async with session(msgspec.structs.replace(table, tensors=[*kept, *tensors])) as ui:
        await ui.press("down", "d", "enter")
        assert (await ui.press("end", "d")).count("Tensors on meta have no values") == 1
        await ui.press("enter")
        assert [(edit.action, edit.where, edit.argument) for edit in ui.client.journal.done] == [
            ("place", "conv1", "cpu"),
            ("materialise", "fc", "cpu"),
        ]
