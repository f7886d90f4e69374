"""Modules in several places, tied or hidden: what each place of theirs was called with, and what counts for whom."""

import pytest
import torch
from live_models import live, silent
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inspector.core.recipe import InputSpec


@pytest.mark.parametrize("order", ["once each", "in a list"])
def test_a_module_with_several_names_is_reached_at_all_of_them(order):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 3, 3)
            self.again = nn.ModuleList([self.first, nn.ReLU()])

        def forward(self, x):
            x = self.first(x)
            return self.again[1](self.again[0](x)) if order == "in a list" else self.again[1](x)

    table = live(Shared()).trace([InputSpec(shape=[1, 3, 9, 9])], silent)
    assert {row.path: row.reached for row in table.rows if row.path in ("first", "again.0", "again.1")} == {
        "first": True,
        "again.0": True,
        "again.1": True,
    }


def test_what_lies_below_another_place_of_a_container_is_what_was_called_there():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            conv = nn.Conv2d(3, 3, 3, padding=1)
            self.conv = conv
            self.one = nn.Sequential(conv, nn.MaxPool2d(2))
            self.two = nn.Sequential(conv, nn.MaxPool2d(2))
            self.three = nn.ModuleList([self.two])

        def forward(self, x):
            return self.three[0](self.one(x))

    module = Shared()
    table = live(module).trace([InputSpec(shape=[1, 3, 32, 32])], silent)
    behind = list(module.one(torch.zeros(1, 3, 32, 32)).shape)
    rows = {row.path: row for row in table.rows if row.call == 0}
    assert rows["three.0.0"].input_shapes == rows["two.0"].input_shapes == [behind]
    assert rows["three.0.0"].receptive_field == rows["two.0"].receptive_field


def test_a_tied_layer_that_never_ran_is_not_reached():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)
            self.unused.weight = self.used.weight

        def forward(self, x):
            return self.used(x)

    table = live(Tied()).trace([InputSpec(shape=[1, 3])], silent)
    assert {row.path: row.reached for row in table.rows} == {"": True, "used": True, "unused": False}


def test_a_call_counts_for_the_module_that_made_it():
    shared = nn.Linear(8, 8)
    module = nn.Sequential(nn.Sequential(nn.Linear(8, 8), shared), nn.Sequential(nn.Linear(8, 8), shared))
    counter = FlopCounterMode(display=False)
    with counter:
        module(torch.zeros(4, 8))
    counts = counter.get_flop_counts()
    flops = {row.path: row.flops for row in live(module).trace([InputSpec(shape=[4, 8])], silent).rows if not row.call}
    assert flops["0"] == sum(counts["Sequential.0"].values())
    assert flops["1"] == sum(counts["Sequential.1"].values())
    assert flops[""] == counter.get_total_flops()


class CalledByBothNames(nn.Module):
    def __init__(self):
        super().__init__()
        self.once = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.again = self.once

    def forward(self, x):
        for _ in range(3):
            x = torch.relu(self.once(x))
        return self.again(x)


def test_a_module_with_two_names_stands_where_the_source_calls_it():
    rows = live(CalledByBothNames()).trace([InputSpec(shape=[1, 4, 32, 32])], silent).rows
    assert [row.output_shapes[0][-1] for row in rows if row.path == "again"] == [2]
    assert [row.output_shapes[0][-1] for row in rows if row.path == "once"][:3] == [16, 8, 4]


class Hides(nn.Module):
    """Does not let its parts be reached as attributes, nor by its own way of looking for them."""

    def __init__(self):
        super().__init__()
        self.add_module("inner", nn.Linear(4, 3))

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return super().__getattr__(name)

    def get_submodule(self, target):
        raise RuntimeError("no")

    def forward(self, x):
        return self._modules["inner"](x)


def test_parts_that_a_model_hides_are_there():
    module = Hides()
    model = live(module)
    table = model.trace([InputSpec(shape=[2, 4])], silent)
    assert [(row.path, row.output_shapes) for row in table.rows] == [("", [[2, 3]]), ("inner", [[2, 3]])]
    for key in model.explain([]):
        assert torch.equal(eval(key.expression, {"model": module}), module.state_dict()[key.key])
    assert model.values("inner.bias", "", 3).rows == [pytest.approx(module._modules["inner"].bias.tolist())]
