"""Workers started by a command that behaves like ssh, srun or docker: it prints, waits, fails, has its own folder."""

import asyncio
import os
import shlex
import signal
import sys
import textwrap
from pathlib import Path

import pytest
from processes import is_running, until

from inspector.core.errors import ExitStatus, ModelEndedError, RequestCancelledError, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.version import installed_version
from inspector.worker import protocol
from inspector.worker.process_client import ProcessClient

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WORKER = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m inspector.worker"
NET = """
import os, time
from torch import nn

class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)

    def forward(self, x):
        if tuple(x.shape) == (37, 4):
            MISBEHAVE
        return super().forward(x)
"""


def remote(tmp_path, script, name="fake-ssh"):
    """A command of its own, as ssh is, that runs `script` in the folder `there`."""
    there = tmp_path / "there"
    there.mkdir(exist_ok=True)
    file = tmp_path / name
    file.write_text(f"#!/bin/sh\ncd {shlex.quote(str(there))}\n{textwrap.dedent(script)}\n")
    file.chmod(0o755)
    return f"{shlex.quote(str(file))} box", there


class Heard:
    def __init__(self, client):
        self.lines = []
        self.states = []
        client.listeners.append(self)

    def __call__(self, event):
        if isinstance(event, protocol.Log):
            self.lines.append(event.line)
        elif isinstance(event, protocol.WorkerState):
            self.states.append(event)


async def opened(client, recipe):
    await client.start()
    return await client.request(protocol.Open(recipe=recipe))


async def test_banners_before_the_worker_go_to_the_log(tmp_path):
    command, there = remote(
        tmp_path,
        """
        printf 'Welcome to box\\r\\n\\n'
        head -c 70000 /dev/zero | tr '\\0' x; echo
        echo 'from stderr' >&2
        printf 'prompt without an end> '
        """
        + WORKER,
    )
    (there / "net.py").write_text(NET.replace("MISBEHAVE", "pass"))
    client = ProcessClient(command)
    heard = Heard(client)
    try:
        table = await opened(client, Recipe(target="net.py"))
        await until(lambda: "from stderr" in heard.lines, "standard error is in the log")
    finally:
        await client.close()
    assert {tensor.key for tensor in table.tensors} == {"weight", "bias"}
    assert "Welcome to box" in heard.lines
    assert "prompt without an end>" in heard.lines


async def test_a_slow_start_says_what_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "queue")
    command, there = remote(
        tmp_path, f"echo 'srun: job 7 queued' >&2\nread -r _ < {shlex.quote(str(tmp_path / 'queue'))}\n{WORKER}", "srun"
    )
    (there / "net.py").write_text(NET.replace("MISBEHAVE", "pass"))
    client = ProcessClient(command)
    heard = Heard(client)
    try:
        await client.start()
        opening = asyncio.create_task(client.request(protocol.Open(recipe=Recipe(target="net.py"))))
        await until(lambda: any("job 7 queued" in state.text for state in heard.states), "the queue is told")
        assert [state.state for state in heard.states] == ["starting"] * len(heard.states)
        assert "srun box" in heard.states[0].text
        assert not opening.done()
        (tmp_path / "queue").write_text("your turn\n")
        await opening
        assert heard.states[-1].state == "ready"
    finally:
        await client.close()


async def test_waiting_for_a_worker_is_cancelled(tmp_path):
    command, _ = remote(tmp_path, "exec sleep 600")
    client = ProcessClient(command)
    await client.start()
    asking = asyncio.create_task(client.request(protocol.Devices()))
    await until(lambda: client._running is not None, "asking")
    await client.cancel()
    with pytest.raises(RequestCancelledError, match="waited for"):
        await asking
    await client.close()


@pytest.mark.parametrize("late", [False, True])
async def test_a_command_that_dies_is_told_with_its_last_lines_and_not_tried_again(tmp_path, late):
    command, there = remote(tmp_path, "echo started >> count\necho 'Permission denied (publickey).' >&2\nexit 255")
    client = ProcessClient(command)
    heard = Heard(client)
    await client.start()
    if late:
        await until(lambda: heard.states[-1].state == "lost", "the end is told")
    with pytest.raises(ModelEndedError, match=r"fake-ssh box` ended with exit status 255.*Permission denied"):
        await client.request(protocol.Devices())
    await client.close()
    assert (there / "count").read_text() == "started\n"


@pytest.mark.parametrize(
    ("prints", "sentence"),
    [
        (
            '__NNINSPECT_WORKER__ {"protocol":99,"nninspect":"9.9.9","python":"3.14.0","pid":1,"gpus":[]}\\n',
            rf"protocol 99 \(nninspect 9\.9\.9\).*{protocol.PROTOCOL_VERSION} \(nninspect {installed_version()}\)",
        ),
        ("__NNINSPECT_WORKER__ nonsense\\n", "install the same nninspect"),
        ('__NNINSPECT_WORKER__ {"protocol":2,"nninspect":"","python":"","pid":1}\\r\\n', "in a terminal"),
    ],
)
async def test_another_version_and_a_terminal_are_a_sentence(tmp_path, prints, sentence):
    command, _ = remote(tmp_path, f"printf '{prints}'\nexec sleep 600")
    client = ProcessClient(command)
    await client.start()
    with pytest.raises(RequestError, match=sentence):
        await client.request(protocol.Devices())
    await client.close()


async def test_a_command_that_never_begins_is_ended_also_where_waiting_for_its_end_is_interrupted(tmp_path):
    command, there = remote(tmp_path, "echo $$ > new; mv new pid; exec sleep 1000")
    client = ProcessClient(command)
    await client.start()
    await until((there / "pid").exists, "it has started")
    pid = int((there / "pid").read_text())
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await until(lambda: not is_running(pid), "it has ended")


async def test_a_command_that_prints_for_ever_is_refused(tmp_path):
    command, _ = remote(tmp_path, "exec yes hello")
    client = ProcessClient(command)
    await client.start()
    with pytest.raises(RequestError, match="starts no worker"):
        await client.request(protocol.Devices())
    await client.close()


@pytest.mark.parametrize(("command", "sentence"), [("ssh 'box", "close every quote"), ("  ", "is empty")])
async def test_a_command_that_does_not_read_is_a_sentence(command, sentence):
    with pytest.raises(RequestError, match=sentence):
        await ProcessClient(command).start()


async def test_an_interrupt_reaches_the_model_through_a_command_that_ignores_signals(tmp_path):
    # The command stays between, as ssh does, and a signal to it would end it.
    command, there = remote(tmp_path, WORKER.replace("exec ", "", 1) + "\nexit $?")
    (there / "net.py").write_text(NET.replace("MISBEHAVE", "open('reached', 'w').close(); time.sleep(1000)"))
    client = ProcessClient(command)
    heard = Heard(client)
    try:
        await opened(client, Recipe(target="net.py"))
        settings = ForwardSettings(inputs=[InputSpec(shape=[37, 4])])
        running = asyncio.create_task(client.request(protocol.Forward(settings=settings)))
        await until((there / "reached").exists, "it runs")
        await client.cancel()
        with pytest.raises(RequestCancelledError):
            await running
        assert "lost" not in [state.state for state in heard.states]
        assert len(await client.request(protocol.Explain())) == 2
    finally:
        await client.close()


@pytest.mark.parametrize("ending", ["close", "kill"])
async def test_a_worker_out_of_reach_of_signals_ends_with_its_input(tmp_path, ending):
    # setsid stands for the other machine: no signal to the command gets there.
    command, there = remote(tmp_path, WORKER.replace("exec ", "setsid --wait ", 1))
    body = "open('pid', 'w').write(str(os.getpid())); time.sleep(1000)"
    (there / "net.py").write_text(NET.replace("MISBEHAVE", body))
    client = ProcessClient(command)
    await opened(client, Recipe(target="net.py"))
    settings = ForwardSettings(inputs=[InputSpec(shape=[37, 4])])
    running = asyncio.create_task(client.request(protocol.Forward(settings=settings)))
    await until(lambda: (there / "pid").exists() and (there / "pid").read_text(), "it runs")
    worker = int((there / "pid").read_text())
    if ending == "kill":
        os.killpg(client._connection._process._popen.pid, signal.SIGKILL)
    await client.close()
    await until(lambda: not is_running(worker), "the worker has gone")
    running.cancel()


async def test_target_weights_and_saved_files_are_on_the_workers_side(tmp_path, monkeypatch):
    import torch

    command, there = remote(tmp_path, WORKER)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (there / "net.py").write_text(NET.replace("MISBEHAVE", "pass"))
    weight, bias = torch.arange(8.0).reshape(2, 4), torch.zeros(2)
    torch.save({"weight": weight, "bias": bias}, there / "w.pt")
    client = ProcessClient(command)
    try:
        table = await opened(client, Recipe(target="net.py", weights="w.pt"))
        assert table.load.fits
        await client.request(protocol.Save(path="out.pt"))
    finally:
        await client.close()
    assert torch.equal(torch.load(there / "out.pt", weights_only=True)["weight"], weight)
    assert list(here.iterdir()) == []


def test_a_file_of_tensors_elsewhere_is_opened_there(tmp_path, monkeypatch, capfd):
    import torch

    from inspector.cli.main import run

    command, there = remote(tmp_path, f"echo Welcome\n{WORKER}")
    torch.save({"fc.weight": torch.ones(2, 3)}, there / "w.pt")
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "w.pt", "fc.weight", "--worker", command]) == ExitStatus.DONE
    printed = capfd.readouterr()
    assert "fc.weight" in printed.out
    assert "Welcome" in printed.err
    assert "Welcome" not in printed.out


def test_a_command_that_dies_ends_the_program_with_status_3(tmp_path, capfd):
    from inspector.cli.main import run

    command, _ = remote(tmp_path, "echo 'no route to host' >&2; exit 255")
    assert run(["summary", "net.py", "--worker", command]) == ExitStatus.MODEL_ENDED
    assert "no route to host" in capfd.readouterr().err


async def test_variables_of_a_cluster_do_not_make_a_rank_of_the_worker_here(tmp_path, monkeypatch):
    # As in a pod of a training job, in which a person looks at a model.
    cluster = {"RANK": "1", "WORLD_SIZE": "8", "MASTER_ADDR": "192.0.2.1", "MASTER_PORT": "1"}
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "net.py").write_text(NET.replace("MISBEHAVE", "pass"))
    client = ProcessClient()
    try:
        table = await opened(client, Recipe(target=str(tmp_path / "net.py")))
        assert len(table.tensors) == 2
    finally:
        await client.close()
