"""Stepping through a pass: keys, the tree that follows, the panel, breakpoints, changes, and how it ends."""

import pytest
from fake_client import FakeClient, lenet
from fake_pass import FAILED, STOPS
from screen_text import session

from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.recipe import Recipe, parse_input
from inspector.core.stops import OtherRun
from inspector.tui.app import NNInspectApp
from inspector.tui.opening import trace_again
from inspector.tui.screenshot import settle
from inspector.worker import protocol
from inspector.worker.process_client import ProcessClient

pytestmark = pytest.mark.slow

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 45)])
WAITS = "a pass waits · E ends it"


def commands(client):
    return [request.command for request in client.asked_for(protocol.Step)]


def marked(text):
    """The rows with breakpoints."""
    return [line.split()[1] for line in text.splitlines() if line.startswith("●")]


async def waiting_at_conv1(ui):
    await ui.press("S")
    return await ui.press("o")


@SIZES
async def test_a_pass_begins_before_the_model_whose_own_forward_is_shown(size):
    async with session(size=size) as ui:
        text = await ui.press("S")
        assert ui.client.asked_for(protocol.StartStepping)[0].settings.command == "into"
        assert ui.client.asked_for(protocol.SourceOf)[-1].path == ""
        assert ui.app.side.current == "step"
        for fact in ("before the model (LeNet)", "the pass begins here", "def forward(self, x):", "1×3×32×32", WAITS):
            assert fact in text


@SIZES
async def test_the_tree_follows_the_stop_and_the_panel_shows_line_values_and_why(size):
    async with session(size=size) as ui:
        text = await waiting_at_conv1(ui)
        assert ui.app.row.path == "conv1"
        (line,) = [line for line in text.splitlines() if "Conv2d(" in line]
        assert line.startswith(" ▶ ")
        for fact in (
            "after conv1 (Conv2d)",
            "a step ends here",
            "▶11      x = F.max_pool2d(F.relu(self.conv1(x)), 2)",
            "1×6×28×28 float32",
            "mean 0.125",
            "3 NaN",
            "forward of the model",
        ):
            assert fact in " ".join(text.split()) or fact in text


@pytest.mark.parametrize(
    ("keys", "command"),
    [("i", "into"), ("o", "over"), ("r", "row"), ("u", "out"), ("c", "continue"), ("E", "end"), ("f11", "into"),
     ("f10", "over"), ("shift+f11", "out"), ("f23", "out"), ("f5", "continue"), ("shift+f5", "end")],
)  # fmt: skip
async def test_the_keys_of_debuggers_step_while_a_pass_waits(keys, command):
    async with session() as ui:
        await ui.press("S", keys)
        assert commands(ui.client) == [command]


async def test_keys_are_taken_in_their_order_while_the_pass_is_still_on_its_way():
    async with session() as ui:
        ui.client.gate.clear()
        for key in ("S", "i", "o", "o", "o"):
            await ui.pilot.press(key)
        ui.client.gate.set()
        await settle(ui.app, ui.pilot)
        # The third step ran to the end; behind it there is nothing to step through.
        assert commands(ui.client) == ["into", "over", "over"]
        assert not ui.app.screen.is_modal
        assert "the pass ran to its end" in ui.text


async def test_letters_do_what_they_did_before_once_the_pass_is_over():
    async with session() as ui:
        await ui.press("S", "E", "down")
        assert WAITS not in ui.text
        assert "the pass was left" in ui.text
        await ui.press("i")
        assert ui.app.screen.is_modal
        assert commands(ui.client) == ["end"]


async def test_keys_that_step_say_that_nothing_waits():
    async with session() as ui:
        assert "no pass is stepped through; S begins one" in await ui.press("f10")
        assert not ui.client.asked_for(protocol.Step)


async def test_what_is_refused_beside_a_waiting_pass_says_how_to_end_it():
    async with session() as ui:
        await ui.press("S")
        ui.app.action_do("initialise")
        await ui.press("4")
        assert "E, End the pass, ends it" in ui.text
        offered = {command.title for command in ui.app.get_system_commands(ui.app.screen)}
        assert "Step over" in offered
        assert not offered & {"Forward", "Initialise", "Check", "Undo", "Trace again"}


async def test_the_pass_that_ran_through_shows_its_output():
    async with session() as ui:
        text = await ui.press("S", "c")
        assert "the pass ran to its end" in text
        assert "tensor([[0.1, -0.2]])" in text
        assert "▶" not in text


async def test_what_is_carried_out_is_marked_on_its_line():
    async with session() as ui:
        await waiting_at_conv1(ui)
        code = ui.app.side.query_one("#stop-source Static").content
        marked_parts = [code.plain[span.start : span.end] for span in code.spans if "underline" in str(span.style)]
        assert marked_parts[-1] == "self.conv1(x)"


async def test_frames_are_walked_along_and_names_are_never_markup():
    async with session(size=(160, 45)) as ui:
        text = await waiting_at_conv1(ui)
        assert "run of outer.[red]" in text
        assert "▶ forward of the model" in text
        text = await ui.press("K")
        assert "▶ run of outer.[red]" in text
        assert "▶13      return self.fc(x)" in text
        assert "no function of the model's called this one" in await ui.press("K")
        assert "▶ forward of the model" in await ui.press("J")


async def test_an_expression_is_evaluated_in_the_frame_looked_at():
    async with session(size=(160, 45)) as ui:
        await waiting_at_conv1(ui)
        await ui.press("K", "e", *"x[0]", "enter")
        (asked,) = ui.client.asked_for(protocol.Evaluate)
        assert (asked.expression, asked.frame) == ("x[0]", 1)
        for fact in (">>> x[0]", "2×2 float32", "tensor([[7.]])"):
            assert fact in ui.text
        assert ui.app.side.step.expression.value == ""
        ui.client.answers[protocol.Evaluate] = RequestError("NameError: name 'y' is not defined")
        await ui.press("y", "enter")
        assert "NameError: name 'y' is not defined" in ui.text
        assert ">>> x[0]" in ui.text
        assert not ui.app.screen.is_modal


async def test_up_and_down_bring_back_what_was_typed_at_earlier_stops():
    async with session() as ui:
        await ui.press("S", "e", "x", "enter", "f10", "y", "enter", "up", "up", "up")
        line = ui.app.side.step.expression
        assert line.value == "x"
        await ui.press("down")
        assert line.value == "y"
        await ui.press("down")
        assert line.value == ""


async def test_a_pass_that_begins_behind_a_dialog_is_announced_below():
    async with session() as ui:
        ui.client.gate.clear()
        await ui.pilot.press("S", "question_mark")
        ui.client.gate.set()
        await settle(ui.app, ui.pilot)
        text = await ui.press("escape")
        assert "o Over" in text.splitlines()[-1]
        assert WAITS in text


async def test_letters_are_typed_into_the_line_and_function_keys_step_from_there():
    async with session() as ui:
        await waiting_at_conv1(ui)
        await ui.press("e", "c", "o")
        assert ui.app.side.step.expression.value == "co"
        await ui.press("f10")
        assert commands(ui.client) == ["over", "over"]


async def test_a_cancelled_expression_leaves_the_pass_waiting():
    async with session() as ui:
        await waiting_at_conv1(ui)
        ui.client.answers[protocol.Evaluate] = RequestCancelledError()
        await ui.press("e", "x", "enter")
        assert ui.client.asked_for(protocol.LookAtStop)
        assert "after conv1 (Conv2d)" in ui.text
        assert WAITS in ui.text


async def test_a_cancelled_step_has_left_the_pass():
    async with session() as ui:
        await waiting_at_conv1(ui)
        ui.client.answers[protocol.Step] = RequestCancelledError()
        ui.client.answers[protocol.LookAtStop] = RequestError("no pass waits; start stepping again")
        text = await ui.press("o")
        assert WAITS not in text
        assert "▶" not in text
        assert "Press S to begin one" in text


async def test_a_lost_worker_ends_the_pass():
    async with session() as ui:
        await waiting_at_conv1(ui)
        ui.client.tell(protocol.WorkerState("lost", "killed while idle; reopening; stepping has ended"))
        await settle(ui.app, ui.pilot)
        assert WAITS not in ui.text
        assert "stepping has ended" in ui.text


async def test_opening_the_model_again_ends_the_pass():
    async with session() as ui:
        await waiting_at_conv1(ui)
        assert WAITS not in await ui.press("R")
        assert ui.app.stepping.now is None


async def test_breakpoints_are_set_at_rows_marked_and_sent_with_every_step():
    async with session() as ui:
        text = await ui.press("down", "f9", "down", "f9")
        assert marked(text) == ["conv1", "relu"]
        await ui.press("S")
        (start,) = ui.client.asked_for(protocol.StartStepping)
        assert start.settings.breakpoints == ["conv1", "module: type:relu"]
        ui.app.module_tree.go_to_row(1)
        await ui.press("b", "c")
        assert ui.client.asked_for(protocol.Step)[-1].breakpoints == ["module: type:relu"]


async def test_breakpoints_are_typed_and_removed_in_a_dialog():
    async with session() as ui:
        await ui.press("down", "f9", "shift+f9")
        await ui.write("breakpoint", "conv1 if absmax >")
        await ui.press("enter")
        assert ui.app.screen.is_modal
        await ui.write("breakpoint", "type:Linear if nan")
        ui.app.screen.query_one("#keep-0").value = False
        await ui.press("enter")
        assert not ui.app.screen.is_modal
        assert ui.app.stepping.breakpoints == ["type:Linear if nan"]
        assert marked(ui.text) == ["fc"]


async def test_breakpoints_in_the_dialog_are_never_markup():
    async with session() as ui:
        ui.app.stepping.set_breakpoints(["shape[-1] == 400", "type:x[/]", "type:[bold]"])
        text = await ui.press("shift+f9")
        for one in ui.app.stepping.breakpoints:
            assert one in text
        await ui.press("escape")
        assert len(ui.app.stepping.breakpoints) == 3


async def test_an_output_is_changed_in_a_dialog():
    async with session(size=(160, 45)) as ui:
        await waiting_at_conv1(ui)
        assert "Change the output of conv1 (Conv2d)" in await ui.press("equals_sign")
        await ui.write("change", "explode")
        await ui.press("enter")
        assert ui.app.screen.is_modal
        assert not ui.client.asked_for(protocol.ChangeAtStop)
        await ui.write("change", "clamp(-1, 1)")
        text = await ui.press("enter")
        assert ui.client.asked_for(protocol.ChangeAtStop)[0].change == "clamp(-1, 1)"
        assert "changed     clamp(-1, 1)" in text


async def test_a_pass_is_begun_again_with_another_input_and_seed():
    async with session() as ui:
        await ui.press("S", "o", "t")
        await ui.write("specs", "x=2x3x32x32")
        await ui.write("seed", "7")
        await ui.write("other-seed", "eight")
        assert "the other seed is 'eight'" in await ui.press("enter")
        await ui.write("other-seed", "8")
        await ui.press("enter")
        last = ui.client.asked_for(protocol.StartStepping)[-1].settings
        assert (last.inputs, last.seed, last.command) == ([parse_input("x=2x3x32x32")], 7, "into")
        assert last.other == OtherRun(seed=8)
        assert "before the model (LeNet)" in ui.text


@SIZES
async def test_after_a_failure_one_steps_to_it(size):
    client = FakeClient(lenet(failed=True))
    client.stepped.stops = [FAILED]
    client.answers[protocol.StartStepping] = lambda _: client.stepped.answer(protocol.LookAtStop())
    client.stepped.at = 0
    async with session(client=client, size=size) as ui:
        assert "X steps to the failure" in ui.app.side.query_one("#overview Static").content.plain
        text = await ui.press("f9", "X")
        (asked,) = client.asked_for(protocol.StartStepping)
        assert (asked.settings.command, asked.settings.breakpoints) == ("continue", [])
        assert ui.app.row.path == "fc"
        for fact in ("✗ fc (Linear)", "the pass failed", "▶13      return self.fc(x)", "[bold]do not fit[/]"):
            assert fact in text
        await ui.press("equals_sign")
        assert "puts nothing out" in ui.app.activity.message[0]
        assert not ui.app.screen.is_modal


async def test_without_a_failure_there_is_none_to_step_to():
    async with session() as ui:
        assert "the last pass did not fail" in await ui.press("X")
        assert not ui.client.asked_for(protocol.StartStepping)


async def test_a_stop_that_the_table_does_not_have_is_shown_at_its_module():
    client = FakeClient()
    from msgspec.structs import replace

    client.stepped.stops = [STOPS[0], replace(STOPS[2], row=replace(STOPS[2].row, index=None, call=4))]
    async with session(client=client) as ui:
        text = await ui.press("S", "o")
        assert "after fc (Linear), call 5" in text
        assert ui.app.row.path == "fc"


async def test_a_real_pass_is_stepped_through_changed_and_evaluated(sample, monkeypatch):
    monkeypatch.chdir(sample("lenet.py").parent)
    client = ProcessClient()
    app = NNInspectApp(client, Recipe(target="lenet.py"))
    try:
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(app, pilot)
            app.stepping.set_breakpoints(["fc1"])
            for key in ("S", "c"):
                await pilot.press(key)
                await settle(app, pilot)
            assert app.row.path == "fc1"
            for expression in ("output.shape", "undefined_name"):
                app.stepping.evaluate(expression)
                await settle(app, pilot)
            refused, found = app.stepping.now.evaluated
            assert found.text == "torch.Size([1, 120])"
            assert "undefined_name" in refused.why
            app.stepping.change("zero")
            await settle(app, pilot)
            (output,) = app.stepping.stop.outputs
            assert (output.statistics.min, output.statistics.max) == (0.0, 0.0)
            await pilot.press("o")
            await settle(app, pilot)
            assert (app.row.type, app.row.call) == ("F.relu", 2)
            assert app.stepping.stop.outputs[0].statistics.max == 0.0
            await pilot.press("E")
            await settle(app, pilot)
            assert app.stepping.now.report.state == "left"
            trace_again(app)
            await settle(app, pilot)
            assert not app.screen.is_modal
    finally:
        await client.close()
