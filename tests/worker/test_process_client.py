"""The worker as it is used: real child processes, on models that print, hang, exit, crash and are killed."""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import textwrap
import threading

import pytest
from processes import until

from inspector.core.edits import Edit
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.worker import protocol
from inspector.worker.conversing import in_own_loop
from inspector.worker.framing import encode, frame
from inspector.worker.greeting import Greeting, greeting_line
from inspector.worker.process_client import ProcessClient

pytestmark = pytest.mark.slow

MODEL = """
import ctypes, os, sys, time
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        {misbehave}
        return self.fc(x)
"""
ODD = InputSpec(shape=[37, 4])
"""On this input, which no search for one tries, the models below misbehave."""


def write_model(folder, misbehave):
    file = folder / "net.py"
    file.write_text(MODEL.format(misbehave=f"if tuple(x.shape) == (37, 4): {misbehave}"))
    return str(file)


async def opened(client, target):
    await client.start()
    await client.request(protocol.Open(recipe=Recipe(target=target)))
    return await client.request(protocol.Trace())


@pytest.fixture
async def client():
    client = ProcessClient()
    client.states = []
    client.lines = []

    def listen(event):
        if isinstance(event, protocol.WorkerState):
            client.states.append(event)
        elif isinstance(event, protocol.Log):
            client.lines.append(event.line)

    client.listeners.append(listen)
    yield client
    await client.close()


async def edited(client):
    """Two edits and one taken back; returns the values that every replay has to reproduce."""
    for number, initialiser in enumerate(["normal_(mean=0, std=2)", "zeros_"]):
        edit = Edit(action="initialise", where="fc.weight", argument=initialiser, seed=40 + number)
        await client.request(protocol.Apply(edit=edit))
    await client.request(protocol.Undo())
    return await client.request(protocol.Values(key="fc.weight"))


ENDINGS = {
    "SIGSEGV": "ctypes.string_at(0)",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "exit status 7": "os._exit(7)",
    "closed files": "os.closerange(3, 50)",
    "had not opened": "os.closerange(3, 50); time.sleep(1000)",
    "SIGABRT": "os.abort()",
}


@pytest.mark.parametrize(("sign", "misbehave"), ENDINGS.items())
async def test_a_lost_worker_comes_back_with_every_edit(client, tmp_path, sign, misbehave):
    await opened(client, write_model(tmp_path, misbehave))
    before = await edited(client)
    with pytest.raises(ModelEndedError, match=sign.replace("(", r"\(").replace(")", r"\)")):
        await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD])))
    after = await client.request(protocol.Values(key="fc.weight"))
    assert after == before
    assert [state.state for state in client.states][-1] == "ready"
    assert "replaying" in [state.state for state in client.states]
    redone = await client.request(protocol.Redo())
    assert redone.edit.argument == "zeros_"
    assert (await client.request(protocol.Values(key="fc.weight"))).statistics.max == 0


GREETING = greeting_line(Greeting(protocol=protocol.PROTOCOL_VERSION, nninspect="", python="", pid=1))
NO_SUCH_LIST = frame(protocol.Items(id=1, path=["none"], items=encode([])))


@pytest.mark.parametrize(("sent", "told"), [(b"a banner\n", "BrokenPipeError"), (NO_SUCH_LIST, "KeyError: 'none'")])
async def test_a_mistake_while_listening_leaves_no_request_waiting(sent, told):
    def listen(event):
        if isinstance(event, protocol.Log):
            raise BrokenPipeError

    first, then = (sent, b"") if sent.startswith(b"a banner") else (GREETING, sent)
    code = (
        f"import os, sys; os.write(1, {first}); sys.stdin.buffer.read(4); os.write(1, {then}); sys.stdin.buffer.read()"
    )
    client = ProcessClient(shlex.join([sys.executable, "-c", code]), recover=False)
    client.listeners.append(listen)
    await client.start()
    with pytest.raises(RequestError, match=rf"^nninspect failed while it listened to the worker \({told}"):
        async with asyncio.timeout(60):
            await client.request(protocol.Trace())
    await client.close()


def test_ctrl_c_where_a_loop_runs_already_ends_the_conversation():
    ended = []

    async def conversation():
        try:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def in_a_notebook():
        with pytest.raises(KeyboardInterrupt):
            in_own_loop(conversation())
        return list(ended)

    # A process of pytest-xdist ignores the signal, and asyncio.run would take it for itself.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            assert loop.run_until_complete(in_a_notebook()) == [True]
    finally:
        signal.signal(signal.SIGINT, before)


async def test_sys_exit_in_forward_is_told_and_harms_nothing(client, tmp_path):
    await opened(client, write_model(tmp_path, "sys.exit(3)"))
    before = await edited(client)
    with pytest.raises(ModelEndedError, match=r"process at .*\.py:\d+: sys\.exit\(3\)"):
        await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD])))
    assert await client.request(protocol.Values(key="fc.weight")) == before


async def test_an_endless_loop_is_cancelled_and_the_edits_stay(client, tmp_path):
    await opened(client, write_model(tmp_path, "\n            while True: pass"))
    before = await edited(client)
    running = asyncio.create_task(client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD]))))
    await asyncio.sleep(0)
    await until(lambda: client._running is not None, "running")
    await client.cancel()
    with pytest.raises(RequestCancelledError):
        await running
    assert await client.request(protocol.Values(key="fc.weight")) == before


async def test_a_loop_that_swallows_interrupts_is_killed(client, tmp_path):
    body = "\n            while True:\n                try: time.sleep(60)\n                except BaseException: pass"
    await opened(client, write_model(tmp_path, body))
    before = await edited(client)
    running = asyncio.create_task(client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD]))))
    await until(lambda: client._running is not None, "running")
    await client.cancel()
    with pytest.raises(RequestCancelledError, match="killed"):
        await running
    assert await client.request(protocol.Values(key="fc.weight")) == before


async def test_prints_from_python_and_c_become_log_lines(client, tmp_path):
    await opened(
        client, write_model(tmp_path, "print('from python'); os.write(1, b'from c\\n'); os.system('echo child')")
    )
    await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD])))
    await until(lambda: {"from python", "from c", "child"} <= set(client.lines), "all three lines")


async def test_a_flood_of_prints_is_bounded(client, tmp_path):
    await opened(client, write_model(tmp_path, "[os.write(1, b'x' * 99 + b'\\n') for _ in range(300_000)]"))
    await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD])))
    await until(lambda: any("bytes more were printed" in line for line in client.lines), "the flood is counted")
    assert sum(map(len, client.lines)) < 30_000_000 / 2


async def test_an_external_kill_while_idle_is_noticed(client, tmp_path):
    await opened(client, write_model(tmp_path, "pass"))
    before = await edited(client)
    os.kill(client._connection._process._popen.pid, signal.SIGKILL)
    await until(lambda: "lost" in [state.state for state in client.states], "the loss is told")
    assert await client.request(protocol.Values(key="fc.weight")) == before


async def test_a_refusal_keeps_the_worker(client, tmp_path):
    await opened(client, write_model(tmp_path, "pass"))
    with pytest.raises(RequestError, match="no module"):
        await client.request(protocol.SourceOf(path="nowhere"))
    report = await client.request(protocol.Forward())
    assert report.table.failure is None


async def test_exit_at_import_is_told(client, tmp_path):
    file = tmp_path / "leaves.py"
    file.write_text("import sys\nsys.exit('bye')\n")
    await client.start()
    with pytest.raises(ModelEndedError, match="while it was imported"):
        await client.request(protocol.Open(recipe=Recipe(target=str(file))))


async def test_closing_ends_the_children_of_the_model(tmp_path):
    marker = tmp_path / "pid"
    code = f"import subprocess; p = subprocess.Popen(['sleep', '600']); open({str(marker)!r}, 'w').write(str(p.pid))"
    client = ProcessClient()
    await opened(client, write_model(tmp_path, textwrap.dedent(code)))
    await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD])))
    await client.close()
    child = int(marker.read_text())
    await until(lambda: not _is_running(child), "the grandchild has gone")


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_that_does_not_start_is_a_sentence():
    client = ProcessClient(command="no-such-program --flag")
    with pytest.raises(RequestError, match="does not start"):
        await client.start()


async def test_a_worker_of_another_kind_is_refused(tmp_path):
    client = ProcessClient(command="echo hello, this is not a worker", recover=False)
    await client.start()
    with pytest.raises((ModelEndedError, RequestError)):
        await client.request(protocol.Devices())
    await client.close()


async def test_files_are_where_the_user_is_not_where_the_model_goes(client, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "net.py").write_text(f"import os\nos.chdir({str(elsewhere)!r})\n" + MODEL.format(misbehave=""))
    await opened(client, "net.py")
    await client.request(protocol.Save(path="w.pt", overwrite=False))
    assert (tmp_path / "here" / "w.pt").is_file()
    await client.request(protocol.Open(recipe=Recipe(target="net.py", weights="w.pt")))
    await client.request(protocol.Trace(inputs=[InputSpec(shape=[3, 4])]))
    assert os.listdir(elsewhere) == []
