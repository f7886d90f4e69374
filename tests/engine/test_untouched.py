"""What tensors hold is put back, once after each pass or once after many."""

import collections

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
    monkeypatch.setattr(module_under_test, "_kept_values", lambda model: copies.append(model) or original(model))
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
    monkeypatch.setattr(module_under_test, "_kept_values", lambda model: pytest.fail("copied"))
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
