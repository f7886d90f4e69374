"""Opening, failing, losing the worker: what the person at the terminal sees."""

import msgspec
import pytest
from fake_client import FakeClient, lenet
from screen_text import session
from textual import events

from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.recipe import Recipe
from inspector.core.table import Note
from inspector.tui.opening import what_is_opening
from inspector.worker import protocol


async def test_the_first_frame_does_not_wait_for_the_engine():
    client = FakeClient()
    client.gate.clear()
    async with session(client=client, opened=False) as ui:
        await ui.until(lambda: bool(client.asked), "the model is asked for")
        assert "loading torch" in ui.text
        assert "lenet.py" in ui.text
        await ui.until(lambda: "Quit" in ui.text, "the keys are shown")
        client.gate.set()
        await ui.until(lambda: ui.app.conversation.idle, "the model is open")
        assert "loading torch" not in ui.text


async def test_opening_shows_the_structure_then_the_shapes():
    client = FakeClient()
    client.answers[protocol.Trace] = RequestError("no input was found")
    async with session(client=client) as ui:
        assert [type(request) for request in client.asked[:2]] == [protocol.Open, protocol.Trace]
        await ui.press("escape")
        assert "Conv2d" in ui.text
        assert "1×6×28×28" not in ui.text
        client.answers.clear()
        assert "1×6×28×28" in await ui.press("r")


async def test_a_row_says_shape_parameters_and_receptive_field():
    async with session() as ui:
        line = next(line for line in ui.text.splitlines() if "conv1" in line)
        assert "456" in line
        assert "1×6×28×28" in line
        assert "5×5 /1" in line


async def test_a_file_of_tensors_is_not_traced():
    table = lenet(traced=False)
    client = FakeClient()
    as_file = type(table.model)(name="w", framework="file", target="w.pt")
    client.answers[protocol.Open] = type(table)(model=as_file, rows=table.rows, tensors=table.tensors)
    async with session(client=client) as ui:
        assert not client.asked_for(protocol.Trace)
        await ui.press("f")
        assert len(ui.app.screen_stack) == 1


async def test_a_refusal_is_shown_in_full_and_never_as_markup():
    sentence = "target [bold]net[/] has no class [/red]; name one of [a, b], x[i] " + "and so on " * 20
    client = FakeClient()
    client.answers[protocol.Open] = RequestError(sentence)
    async with session(client=client) as ui:
        shown = " ".join(line.strip("│ ") for line in ui.text.splitlines() if "│" in line)
        assert " ".join(sentence.split()) in " ".join(shown.split())
        assert "Nothing is open" in await ui.press("escape")


async def test_the_cursor_goes_to_the_row_that_failed():
    async with session(lenet(failed=True)) as ui:
        assert ui.app.row.path == "fc"
        for fact in ("RuntimeError", "mat1 and mat2", "lenet.py:13", "1×1176", "fc takes vectors", "in_features=1176"):
            assert fact in ui.text


async def test_after_the_model_ended_the_worker_in_a_pass_shapes_are_worked_out_again():
    client = FakeClient()
    client.answers[protocol.Forward] = ModelEndedError("segmentation fault")
    async with session(client=client) as ui:
        await ui.press("f", "enter")
        assert "segmentation fault" in ui.text
        assert len(client.asked_for(protocol.Trace)) == 2
        assert "conv1" in await ui.press("escape")


async def test_a_pass_for_shapes_that_ends_the_worker_is_not_tried_again():
    client = FakeClient()
    client.answers[protocol.Trace] = ModelEndedError("os._exit(3)")
    async with session(client=client) as ui:
        assert "os._exit(3)" in ui.text
        assert len(client.asked_for(protocol.Trace)) == 1


@pytest.mark.parametrize("key", ["escape", "x"])
async def test_what_runs_can_be_cancelled(key):
    client = FakeClient()
    async with session(client=client) as ui:
        client.gate.clear()
        client.answers[protocol.Trace] = RequestCancelledError("cancelled")
        await ui.pilot.press("r")
        await ui.until(lambda: "x cancels" in ui.text, "the activity is shown")
        client.tell(protocol.Progress(1, 3, 7, "conv2"))
        await ui.until(lambda: "3/7" in ui.text, "progress is shown")
        await ui.pilot.press(key)
        await ui.until(lambda: client.cancelled == 1, "the client is told")
        client.gate.set()
        await ui.until(lambda: "cancelled: working out shapes" in ui.text, "it is said")


async def test_what_takes_long_says_how_long_and_a_click_cancels_it(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("inspector.tui.activity.monotonic", lambda: now[0])
    client = FakeClient()
    async with session(client=client) as ui:
        client.gate.clear()
        await ui.pilot.press("r")
        await ui.until(lambda: "x cancels" in ui.text, "the activity is shown")
        assert "working out shapes" in ui.text
        for done in range(1, 6):
            now[0] += 2
            client.tell(protocol.Progress(1, done, 20, f"layer{done}"))
        await ui.until(lambda: "5/20 (25 %) · 10 s, about 30 s left · layer5" in ui.text, "it is said")
        await ui.pilot.click("#activity", offset=(115, 0))
        await ui.until(lambda: client.cancelled == 1, "the client is told")
        client.gate.set()


async def test_what_a_panel_waits_for_long_is_shown_and_can_be_cancelled():
    client = FakeClient()
    async with session(client=client) as ui:
        client.gate.clear()
        await ui.pilot.press("down", "3")
        await ui.until(lambda: "working out what the panel shows" in ui.text, "it is shown")
        await ui.pilot.press("x")
        await ui.until(lambda: client.cancelled == 1, "the client is told")
        client.gate.set()


async def test_escape_never_leaves_and_q_does():
    async with session() as ui:
        for _ in range(4):
            await ui.press("escape")
        assert ui.app.is_running
        await ui.pilot.press("q")
        await ui.until(lambda: ui.app.return_code == 0, "the application ends")


async def test_what_the_model_prints_goes_to_the_log_only():
    async with session() as ui:
        for number in range(6000):
            ui.client.tell(protocol.Log(f"step {number} [bold]\x1b[31mred"))
        assert "step 1" not in ui.text
        await ui.pilot.press("L")
        await ui.until(lambda: "step 5999 [bold]\\x1b[31mred" in ui.text, "the last line is on screen")
        assert "6,000 lines, the last 5,000 kept" in ui.text


SENTENCE = "the model's code ended the process: " + "segmentation fault, and so on, " * 12 + "until here"


async def test_the_window_that_names_the_log_opens_it():
    client = FakeClient()
    client.answers[protocol.Forward] = ModelEndedError(SENTENCE)
    async with session(client=client) as ui:
        client.tell(protocol.Log("about to crash"))
        client.tell(protocol.WorkerState("lost", SENTENCE))
        await ui.press("f", "enter")
        assert "L opens the log" in ui.text
        await ui.press("L")
        assert not ui.app.screen.is_modal
        assert ui.app.focused is ui.app.log_view
        await ui.until(lambda: "about to crash" in ui.text, "what the model printed is on screen")
        assert ui.app.log_view.total == 2


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 24), (80, 24), (160, 45)])
async def test_what_was_said_can_be_read_again_in_full(size):
    client = FakeClient()
    client.answers[protocol.Forward] = RequestError(SENTENCE)
    async with session(client=client, size=size) as ui:
        await ui.press("f", "enter", "escape")
        assert SENTENCE not in " ".join(ui.text.split())
        assert "L: in full" in ui.text
        await ui.press("L")
        ui.app.log_view.styles.height = 20
        await ui.until(lambda: ui.app.log_view.size.height > 15, "there is room for it")
        await ui.press("home")
        assert SENTENCE in " ".join(ui.text.replace("»", " ").split())


async def test_without_an_input_it_is_said_why_there_are_no_shapes():
    note = Note(code="no-input", message="no input was found; give one with --input")
    client = FakeClient()
    client.answers[protocol.Trace] = msgspec.structs.replace(lenet(traced=False), notes=[note])
    async with session(client=client) as ui:
        assert "no input was found; give one with --input (press t)" in ui.app.activity.render().plain


async def test_refusals_that_name_an_option_name_its_key():
    client = FakeClient()
    client.answers[protocol.Trace] = RequestError("no input was found; give one with --input, for example 1x3x224x224")
    async with session(client=client) as ui:
        assert "1x3x224x224 (press t)" in " ".join(ui.text.split())
        assert "The model's input" in await ui.press("escape", "t")


async def test_the_workers_state_is_on_screen_while_it_is_not_ready():
    async with session() as ui:
        ui.client.tell(protocol.WorkerState("replaying", "making 3 changes again"))
        await ui.pilot.pause()
        assert "making 3 changes again" in ui.text
        ui.client.tell(protocol.WorkerState("ready", "ready"))
        await ui.pilot.pause()
        assert "making 3 changes again" not in ui.text


@pytest.mark.parametrize(
    ("keys", "running"),
    [("C3", "looking for defects"), ("3C", "working out what the panel shows")],
    ids=["check", "panel"],
)
async def test_of_several_requests_the_one_that_runs_is_shown(monkeypatch, keys, running):
    monkeypatch.setattr("inspector.tui.conversation.SAID_AFTER", 0)
    async with session() as ui:
        ui.client.gate.clear()
        for key in keys:
            asked = len(ui.client.asked)
            await ui.pilot.press(key)
            await ui.until(lambda asked=asked: len(ui.client.asked) > asked, "it is asked")
        await ui.pilot.pause()
        ui.client.tell(protocol.Progress(1, 3, 7, ""))
        assert "3/7" in ui.app.activity.doing
        assert ui.app.activity.doing.startswith(running)
        ui.client.gate.set()


async def test_what_was_cancelled_is_asked_again_once_another_row_was_looked_at():
    client = FakeClient()
    client.answers[protocol.Explain] = RequestCancelledError()
    async with session(client=client) as ui:
        assert "cancelled; choose the row again" in await ui.press("down", "3")
        client.answers.clear()
        assert "choose the row again" not in await ui.press("up", "down")
        assert "conv1.bias" in ui.text


@pytest.mark.parametrize(("keys", "path"), [(("colon", "f", "c"), "fc"), (("A",), "fc")])
async def test_a_row_chosen_in_a_list_is_gone_to_in_the_table_of_by_then(keys, path):
    async with session() as ui:
        await ui.press(*keys)
        ui.app.show_table(lenet(traced=False))
        await ui.press("enter")
        assert ui.app.row.path == path


@pytest.mark.parametrize(
    ("target", "said"),
    [("net.py", "loading torch"), ("net:Net", "loading torch"), ("net.onnx", "opening…"), ("net.pt", "opening…")],
)
def test_torch_is_said_to_be_loaded_only_where_it_is(target, said):
    assert what_is_opening(Recipe(target=target)).plain.startswith(said)


async def test_without_a_worker_nothing_is_said_to_be_opening():
    class Workerless(FakeClient):
        async def start(self):
            raise RequestError("no python at that host")

    async with session(client=Workerless()) as ui:
        assert "no python at that host" in ui.text
        assert "Nothing is open" in await ui.press("escape")


async def test_a_carriage_return_begins_a_printed_line_anew_and_no_line_grows_without_end():
    async with session() as ui:
        log = ui.app.log_view
        for text in ("10 %", "\r20 %", "\r", "\nwhole\r\nlast", "." * 3000, "." * 3000):
            log.on_print(events.Print(text))
        assert [text for text, _ in log._kept][-2:] == ["20 %", "whole"]
        assert len(log._unfinished) == 2000
        assert "20 %" in await ui.press("L")
