"""Edits of a live module through its session: undo and redo, modes and devices."""

import copy

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec
from inspector.engine.session import Session


def test_edits_are_taken_back_and_made_again_to_the_bit():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    session = Session(live(module))
    before = copy.deepcopy(module.state_dict())
    edits = [
        Edit(action="initialise", where="0.weight", argument="orthogonal_", seed=3),
        Edit(action="set_element", where="1.bias", argument="2.5", index=[1]),
        Edit(action="mode", where="1", argument="train"),
        Edit(action="place", where="", argument="meta"),
    ]
    states = []
    for edit in edits:
        session.apply(edit)
        states.append((module[0].weight.device.type, module[1].training))
    assert states[-1] == ("meta", True)
    assert module[1].weight is module[0].weight
    for _ in edits:
        session.undo()
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert module[1].weight is module[0].weight
    assert not module[1].training
    with pytest.raises(RequestError, match="nothing to undo"):
        session.undo()
    session.redo()
    session.redo()
    assert torch.allclose(module[0].weight @ module[0].weight.T, torch.eye(4), atol=1e-5)
    assert module[1].bias[1] == 2.5


def test_a_device_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(RequestError, match=r"cuda:17.*cpu"):
        Session(live(nn.Linear(2, 2))).apply(Edit(action="place", where="", argument="cuda:17"))


def test_devices_have_the_names_that_torch_knows():
    module = nn.Linear(2, 2)
    for name in ("CPU", "cpu:0", "cpu"):
        Session(live(module)).apply(Edit(action="place", where="", argument=name))
        assert module.weight.device == torch.ones(1).to(name.lower()).device


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_moving_to_a_gpu_and_back():
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    session = Session(live(module))
    before = copy.deepcopy(module.state_dict())
    report = session.apply(Edit(action="place", where="", argument="cuda:0"))
    assert report.table.model.devices == ["cuda:0"]
    run = session.model.forward(ForwardSettings(inputs=[InputSpec(shape=[3, 4])]), silent)
    assert run.table.failure is None
    assert run.table.rows[1].device == "cuda:0"
    session.undo()
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_spread_over_devices_is_shown_as_such():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    session = Session(live(module))
    table = session.apply(Edit(action="place", where="1", argument="cuda:0")).table
    assert table.model.devices == ["cpu", "cuda:0"]
    assert table.rows[0].device == "cpu, cuda:0"
    assert "several-devices" in [note.code for note in table.notes]
