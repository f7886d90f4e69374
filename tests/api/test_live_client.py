"""The client of a live object in a thread: requests, changes and undo, progress, cancelling, the end."""

import asyncio
import threading

import pytest
import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe, live_target
from inspector.core.stops import StepSettings
from inspector.worker.live_client import LiveClient
from inspector.worker.protocol import Ablate, Apply, Forward, Open, Progress, Redo, StartStepping, Trace, Undo

RECIPE = Recipe(target=live_target("Sequential"))


def layers():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))


async def opened(model, *inputs):
    client = LiveClient(model)
    await client.start()
    specs = [client.hold(one) for one in inputs]
    await client.request(Open(recipe=RECIPE))
    return client, specs


async def test_changes_are_made_to_the_object_taken_back_and_made_again():
    model = layers()
    before = model[0].weight.detach().clone()
    client, _ = await opened(model)
    edit = Edit(action="initialise", where="0.weight", argument="zeros_")
    assert (await client.request(Apply(edit=edit))).keys == ["0.weight"]
    assert not model[0].weight.any()
    await client.request(Undo())
    assert torch.equal(model[0].weight, before)
    await client.request(Redo())
    assert [one.action for one in client.journal.done] == ["initialise"]
    await client.close()
    assert not model[0].weight.any()


async def test_opened_again_the_object_is_as_it_was_first():
    model = layers()
    before = model[2].bias.detach().clone()
    client, _ = await opened(model)
    await client.request(Apply(edit=Edit(action="initialise", where="2.bias", argument="ones_")))
    await client.request(Open(recipe=RECIPE))
    assert torch.equal(model[2].bias, before)
    assert client.journal.done == []
    await client.close()


async def test_passes_run_in_one_thread_that_is_not_the_event_loops():
    seen = []

    class Telling(nn.Module):
        def forward(self, x):
            seen.append(threading.current_thread())
            return x

    client, specs = await opened(Telling(), torch.ones(2))
    await client.request(Forward(settings=ForwardSettings(inputs=specs)))
    await client.request(Trace(inputs=specs))
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()
    await client.close()
    assert not seen[0].is_alive()


async def test_progress_is_told_on_the_event_loop():
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(40)))
    client, specs = await opened(model, torch.ones(1, 4))
    told = []
    client.listeners.append(lambda event: told.append((event, threading.current_thread())))
    await client.request(Trace(inputs=specs))
    await client.request(Ablate())
    assert any(isinstance(event, Progress) for event, _ in told)
    assert {thread for _, thread in told} == {threading.current_thread()}
    await client.close()


class Endless(nn.Module):
    """Runs until it is interrupted, and then says so."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(2)
        self.began = threading.Event()

    def forward(self, x):
        self.bn(x)
        self.began.set()
        while True:
            x = x + 1


async def test_a_pass_that_never_ends_is_interrupted_and_the_model_is_as_before():
    model = Endless().train()
    client, specs = await opened(model, torch.ones(3, 2))
    asked = asyncio.create_task(client.request(Forward(settings=ForwardSettings(inputs=specs))))
    await asyncio.to_thread(model.began.wait, 60)
    await client.cancel()
    with pytest.raises(RequestCancelledError):
        await asked
    assert model.bn.num_batches_tracked == 0
    assert model.bn.running_mean.tolist() == [0, 0]
    assert not model._forward_hooks
    assert (await client.request(Open(recipe=RECIPE))).model.name == "Endless"
    await client.close()


async def test_closing_leaves_a_pass_that_waits_and_the_model_without_its_hooks():
    model = layers()
    client, specs = await opened(model, torch.ones(1, 4))
    report = await client.request(StartStepping(settings=StepSettings(inputs=specs)))
    assert report.stop is not None
    await client.close()
    assert all(not one._forward_hooks and not one._forward_pre_hooks for one in model.modules())
    assert not [one for one in threading.enumerate() if one.name.startswith("nninspect")]


async def test_arguments_are_held_until_the_client_is_closed():
    client, specs = await opened(layers(), torch.ones(1, 4))
    await client.close()
    again, _ = await opened(layers())
    with pytest.raises(RequestError, match="there is no such argument"):
        await again.request(Trace(inputs=specs))
    await again.close()


async def test_leaving_the_program_ends_the_request_alone():
    class Leaving(nn.Module):
        def forward(self, x):
            raise SystemExit(1)

    client, specs = await opened(Leaving(), torch.ones(1))
    with pytest.raises(ModelEndedError, match=r"sys\.exit"):
        await client.request(Forward(settings=ForwardSettings(inputs=specs)))
    assert (await client.request(Open(recipe=RECIPE))).model.name == "Leaving"
    await client.close()


async def test_a_file_of_weights_is_the_programs_to_load():
    client = LiveClient(layers())
    await client.start()
    with pytest.raises(RequestError, match=r"lives in your program; load w\.pt there"):
        await client.request(Open(recipe=Recipe(target=live_target("Sequential"), weights="w.pt")))
    await client.close()
