"""A pass that waits in a real worker: what else can be asked meanwhile, and every way in which it can end."""

import asyncio
import os
import signal

import pytest
from processes import until

from inspector.core.edits import Edit
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.stops import StepSettings
from inspector.worker import process_client, protocol
from inspector.worker.process_client import ProcessClient

pytestmark = pytest.mark.slow

MODEL = """
import os, sys, time
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.second = nn.Linear(4, 2)

    def forward(self, x):
        x = self.norm(self.first(x))
        if tuple(x.shape) == (37, 4):
            print("there", flush=True)
            {misbehave}
        return self.second(x)
"""
ODD = InputSpec(shape=[37, 4])
"""On this input, which no search for one tries, the models misbehave between their first and their second layer."""
FIRST = StepSettings(inputs=[ODD], command="continue", breakpoints=["first", "second"])


@pytest.fixture
async def client():
    client = ProcessClient()
    client.lost, client.printed = [], []

    def listen(event):
        if isinstance(event, protocol.Log):
            client.printed.append(event.line)
        elif isinstance(event, protocol.WorkerState) and event.state == "lost":
            client.lost.append(event.text)

    client.listeners.append(listen)
    yield client
    await client.close()


async def opened(client, folder, misbehave="pass"):
    """A model with an edit, in train mode; what every later look at it has to show."""
    file = folder / "net.py"
    file.write_text(MODEL.format(misbehave=misbehave))
    await client.start()
    await client.request(protocol.Open(recipe=Recipe(target=str(file), training=True)))
    edit = Edit(action="initialise", where="second.weight", argument="normal_(mean=0, std=2)", seed=40)
    await client.request(protocol.Apply(edit=edit))
    return await values(client)


async def values(client):
    keys = ("second.weight", "first.weight", "norm.running_mean", "norm.num_batches_tracked")
    return [await client.request(protocol.Values(key=key)) for key in keys]


async def misbehaving(client):
    """A step that has come to where the model misbehaves."""
    await client.request(protocol.StartStepping(settings=FIRST))
    step = asyncio.create_task(client.request(protocol.Step(command="continue")))
    await until(lambda: "there" in client.printed)
    return step


async def test_the_stops_end_in_the_output_of_a_forward(client, tmp_path):
    before = await opened(client, tmp_path)
    whole = await client.request(protocol.Forward(settings=ForwardSettings(inputs=[ODD], seed=5)))
    settings = StepSettings(inputs=[ODD], seed=5, command="row")
    report = await client.request(protocol.StartStepping(settings=settings))
    rows = []
    while report.stop is not None:
        rows.append(report.stop.row.index)
        report = await client.request(protocol.Step(command="row"))
    assert rows == [1, 2, 3, 0]
    assert (report.state, report.outputs) == ("finished", whole.outputs)
    assert await values(client) == before


async def test_while_a_pass_waits_looking_works_and_what_would_disturb_it_is_refused(client, tmp_path):
    before = await opened(client, tmp_path)
    stop = (await client.request(protocol.StartStepping(settings=FIRST))).stop
    assert await client.request(protocol.Values(key="first.weight")) == before[1]
    assert (await client.request(protocol.SourceOf(path=""))).text.startswith("    def forward")
    assert len(await client.request(protocol.Explain())) == 9
    assert (await client.request(protocol.Evaluate(expression="x.shape"))).text == "torch.Size([37, 4])"
    edit = Edit(action="initialise", where="first.weight", argument="zeros_")
    for request in (
        protocol.Forward(),
        protocol.Trace(),
        protocol.Undo(),
        protocol.Apply(edit=edit),
        protocol.Save(path="x"),
    ):
        with pytest.raises(RequestError, match=r"waits after first \(Linear\); end stepping first"):
            await client.request(request)
    assert (await client.request(protocol.LookAtStop())).stop == stop
    assert (await client.request(protocol.Step(command="end"))).state == "left"
    assert await values(client) == before
    assert (await client.request(protocol.Undo())).keys == []


async def test_starting_again_and_opening_again_leave_the_pass_that_waits(client, tmp_path):
    before = await opened(client, tmp_path)
    await client.request(protocol.StartStepping(settings=FIRST))
    again = await client.request(protocol.StartStepping(settings=StepSettings(inputs=[InputSpec(shape=[2, 4])])))
    assert [one.shape for one in again.stop.arguments] == [[2, 4]]
    await client.request(protocol.Open(recipe=client._recipe))
    assert (await values(client))[1:] == before[1:]
    with pytest.raises(RequestError, match="start stepping again"):
        await client.request(protocol.Step(command="into"))


def patient(monkeypatch):
    """However slow the machine is, what can be interrupted is not killed."""
    monkeypatch.setattr(process_client, "SECONDS_TO_STOP", 60.0)


@pytest.mark.parametrize("misbehave", ["while True: pass", "time.sleep(1000)"])
async def test_cancelled_between_stops_the_worker_stays(client, tmp_path, misbehave, monkeypatch):
    if misbehave.startswith("while"):
        patient(monkeypatch)
    before = await opened(client, tmp_path, misbehave)
    pid = client._connection._process._popen.pid
    step = await misbehaving(client)
    await client.cancel()
    with pytest.raises(RequestCancelledError):
        await step
    if misbehave.startswith("while"):
        assert client._connection._process._popen.pid == pid
        with pytest.raises(RequestError, match="start stepping again"):
            await client.request(protocol.Step(command="into"))
    assert await values(client) == before


async def test_a_cancelled_expression_leaves_the_pass_waiting(client, tmp_path, monkeypatch):
    patient(monkeypatch)
    await opened(client, tmp_path)
    await client.request(protocol.StartStepping(settings=FIRST))
    expression = "[print('evaluating', flush=True)] + [None for _ in iter(int, 1) if _]"
    endless = asyncio.create_task(client.request(protocol.Evaluate(expression=expression)))
    await until(lambda: "evaluating" in client.printed)
    await client.cancel()
    with pytest.raises(RequestCancelledError):
        await endless
    assert (await client.request(protocol.LookAtStop())).stop.row.path == "first"
    assert (await client.request(protocol.Step(command="continue"))).stop.row.path == "second"


async def test_a_worker_killed_at_a_stop_loses_nothing(client, tmp_path):
    before = await opened(client, tmp_path)
    stop = (await client.request(protocol.StartStepping(settings=FIRST))).stop
    await client.request(protocol.ChangeAtStop(change="= self.second.weight.fill_(3).sum() + output"))
    os.kill(client._connection._process._popen.pid, signal.SIGKILL)
    await until(lambda: client.lost)
    assert client.lost[0].endswith("stepping has ended")
    assert await values(client) == before
    with pytest.raises(RequestError, match="start stepping again"):
        await client.request(protocol.Step(command="continue"))
    assert (await client.request(protocol.StartStepping(settings=FIRST))).stop == stop


async def test_a_loop_that_swallows_interrupts_is_killed_and_comes_back(client, tmp_path):
    body = "\n            while True:\n                try: time.sleep(60)\n                except BaseException: pass"
    before = await opened(client, tmp_path, body)
    step = await misbehaving(client)
    await client.cancel()
    with pytest.raises(RequestCancelledError, match="killed"):
        await step
    assert await values(client) == before


async def test_a_model_that_exits_ends_the_pass_alone(client, tmp_path):
    before = await opened(client, tmp_path, "sys.exit(3)")
    await client.request(protocol.StartStepping(settings=FIRST))
    with pytest.raises(ModelEndedError, match=r"sys\.exit\(3\)"):
        await client.request(protocol.Step(command="continue"))
    assert await values(client) == before


async def test_a_worker_started_where_interrupts_are_ignored_is_interrupted(client, tmp_path, monkeypatch):
    # As shells start what runs in the background; what a process ignores its children do.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        patient(monkeypatch)
        await opened(client, tmp_path, "while True: pass")
        pid = client._connection._process._popen.pid
        step = await misbehaving(client)
        await client.cancel()
        with pytest.raises(RequestCancelledError):
            await step
        assert client._connection._process._popen.pid == pid
    finally:
        signal.signal(signal.SIGINT, before)
