"""Copies on write keep what a tensor held, with torch's private functions and without them."""

import numpy as np
import pytest
import torch
from torch import nn

from inspector.engine.pytorch import lazy_copies
from inspector.engine.pytorch.lazy_copies import is_unwritten, lazy_copy
from inspector.engine.pytorch.untouched import untouched

WRITES = {
    "in place": lambda tensor: tensor.data.add_(1),
    "an element": lambda tensor: tensor.data.__setitem__(0, 5.0),
    "through a view": lambda tensor: tensor.data.view(-1)[1:].mul_(3),
    "through numpy": lambda tensor: np.add(tensor.detach().numpy(), 1, out=tensor.detach().numpy()),
    "other memory": lambda tensor: setattr(tensor, "data", torch.zeros(7)),
}


@pytest.fixture(params=["lazy", "at once"])
def copying(request, monkeypatch):
    if request.param == "at once":
        monkeypatch.setattr(lazy_copies, "_FUNCTIONS", (None, None, None))
    return request.param


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("made", ["by torch", "from numpy"])
def test_what_was_written_is_put_back(copying, write, made):
    model = nn.Linear(2, 3)
    if made == "from numpy":
        model.weight.data = torch.from_numpy(np.arange(6, dtype=np.float32).reshape(3, 2))
    before, is_same = model.weight.detach().clone(), model.weight
    with untouched(model, values=True):
        write(model.weight)
        assert not torch.equal(model.weight, before)
    assert model.weight is is_same
    assert torch.equal(model.weight, before)


def test_tied_memory_stays_tied(copying):
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight.data = first.weight.data
    model = nn.Sequential(first, second)
    before = first.weight.detach().clone()
    with untouched(model, values=True), torch.no_grad():
        second.weight.fill_(0)
        assert torch.equal(first.weight, torch.zeros(3, 3))
    assert torch.equal(first.weight, before)
    with torch.no_grad():
        first.weight.fill_(2)
    assert torch.equal(second.weight, torch.full((3, 3), 2.0))


@pytest.mark.parametrize(
    "make", [lambda: (nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8)), lambda: (nn.Linear(4, 3), torch.randn(2, 4))]
)
def test_a_layer_that_reads_its_weights_makes_no_copy(make):
    layer, data = make()
    copies = [lazy_copy(parameter) for parameter in layer.parameters()]
    layer(data).sum().backward()
    assert all(map(is_unwritten, layer.parameters(), copies))
    with torch.no_grad():
        layer.weight.add_(1)
    assert not is_unwritten(layer.weight, copies[0])


def test_a_version_of_torch_without_it_knows_of_nothing_unwritten(monkeypatch):
    monkeypatch.setattr(lazy_copies, "_FUNCTIONS", (None, None, None))
    tensor = torch.ones(3)
    copy = lazy_copy(tensor)
    assert not is_unwritten(tensor, copy)
    tensor.add_(1)
    assert torch.equal(copy, torch.ones(3))
