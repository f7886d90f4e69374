"""What tensors hold is put back, once after each pass or once after many."""

import collections
import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn

from inspector.engine.pytorch import untouched as module_under_test
from inspector.engine.pytorch.untouched import untouched, values_untouched_throughout


def test_many_passes_put_values_back_in_the_end_from_one_copy(monkeypatch):
    model = nn.Linear(2, 3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copies = []
    original = module_under_test._kept_values
    monkeypatch.setattr(module_under_test, "_kept_values", lambda *of: copies.append(of) or original(*of))
    with values_untouched_throughout(model), values_untouched_throughout(model):
        for _ in range(3):
            with untouched(model, values=True), torch.no_grad():
                model.weight.add_(1)
    assert len(copies) == 1
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def zero_and_fail(model):
    with values_untouched_throughout(model), untouched(model, values=True):
        model.weight.data.zero_()
        raise ZeroDivisionError


def test_a_failure_puts_values_back_too():
    model = nn.Linear(2, 3)
    before = model.weight.detach().clone()
    with pytest.raises(ZeroDivisionError):
        zero_and_fail(model)
    assert torch.equal(model.weight, before)


def test_without_a_pass_on_values_nothing_is_copied(monkeypatch):
    monkeypatch.setattr(module_under_test, "_kept_values", lambda *of: pytest.fail("copied"))
    model = nn.Linear(2, 3)
    with values_untouched_throughout(model), untouched(model):
        pass


class Caching(nn.Module):
    """Keeps what it saw in containers inside others."""

    def __init__(self):
        super().__init__()
        self.layers = [{"key": torch.zeros(2), "seen": []}]
        self.counts = (collections.Counter(), collections.defaultdict(list))

    def forward(self, x):
        self.layers[0]["key"] += 1
        self.layers[0]["seen"].append(x)
        self.layers.append({})
        self.counts[0]["calls"] += 1
        self.counts[1]["shapes"].append(x.shape)
        return x


@pytest.mark.parametrize("values", [True, False])
def test_containers_in_containers_are_as_before(values):
    model = Caching()
    with untouched(model, values=values):
        model(torch.ones(2))
    assert [list(layer) for layer in model.layers] == [["key", "seen"]]
    assert model.layers[0]["seen"] == []
    assert model.counts == (collections.Counter(), {})
    assert model.layers[0]["key"].tolist() == ([0, 0] if values else [1, 1])


class Step:
    def __init__(self):
        self.number = 0
        self.seen = [torch.zeros(2)]


class Stateful(nn.Module):
    """Keeps its state in everything but modules and tensors of its own."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.step = Step()
        self.counts = np.zeros(3)
        self.turns = [itertools.cycle([1, 2, 3])]
        self.names = iter("abc")
        self.draw = random.Random(3)
        self.generator = torch.Generator().manual_seed(3)
        self.noise = np.random.default_rng(3)

    def forward(self):
        self.step.number += 1
        self.step.seen[0] += 1
        self.step.seen.append(None)
        self.counts += 1
        self.weight.data = torch.zeros(5, dtype=torch.float64)
        drawn = self.draw.random(), float(torch.rand((), generator=self.generator)), self.noise.random()
        return self.step.number, len(self.step.seen), next(self.turns[0]), next(self.names), *drawn


def test_state_in_objects_arrays_iterators_and_generators_is_put_back():
    model = Stateful()
    seen, array = model.step.seen[0], model.counts
    outcomes = []
    for _ in range(2):
        with untouched(model, values=True):
            outcomes.append([model.forward(), model.forward()])
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] != outcomes[0][1]
    assert (model.step.number, seen.tolist(), array.tolist()) == (0, [0, 0], [0, 0, 0])
    assert (model.weight.tolist(), model.weight.dtype) == ([1, 1], torch.float32)
    assert next(model.names) == "a"
