"""The gradient of a parameter with several uses: the part of each, against autograd with a leaf for each use."""

import copy

import pytest
import torch
from live_models import live, silent
from torch import nn
from torch.nn import functional

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec

TOKENS = [InputSpec(shape=[2, 5], dtype="int64", distribution="range", low=0, high=7)]
NUMBERS = [InputSpec(shape=[3, 4])]


class Tied(nn.Module):
    """An embedding whose table is also the head's weight."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.middle = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        return self.head(self.middle(self.embedding(ids)))


def untied(module, ids, leaves):
    hidden = module.middle(functional.embedding(ids, leaves[0]))
    return functional.linear(hidden, leaves[1])


class Again(nn.Module):
    """A layer called three times, once through its weight alone."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return torch.tanh(self.layer(torch.tanh(self.layer(x)))) @ self.layer.weight.T


def unrolled(module, x, leaves):
    return torch.tanh(torch.tanh(x @ leaves[0].T) @ leaves[1].T) @ leaves[2].T


class Cell(nn.Module):
    """A recurrent cell over four steps."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x):
        state = x
        for _ in range(4):
            state = self.cell(x, state)
        return state


class Hidden(nn.Module):
    """Its weight goes into a function of its own, past torch's functions."""

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return 2 * x

        @staticmethod
        def backward(context, gradient):
            return 2 * gradient

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4, bias=False)
        self.b = self.a

    def forward(self, x):
        return self.a(x) @ self.Double.apply(self.b.weight)


def drawn(spec):
    generator = torch.Generator().manual_seed(0)
    if spec.dtype == "int64":
        return torch.randint(0, 7, spec.shape, generator=generator)
    return torch.randn(spec.shape, generator=generator)


@pytest.mark.parametrize(
    ("module", "inputs", "by_hand", "key", "rows"),
    [
        (Tied(), TOKENS, untied, "head.weight", [("embedding", 0, "Embedding"), ("head", 0, "Linear")]),
        (Again(), NUMBERS, unrolled, "layer.weight", [("layer", 0, "Linear"), ("layer", 1, "Linear"), ("", 0, "x.T")]),
    ],
    ids=["tied", "again"],
)
def test_each_part_is_the_gradient_of_a_leaf_of_its_own(module, inputs, by_hand, key, rows):
    before = copy.deepcopy(module.state_dict())
    report = live(module).forward(ForwardSettings(inputs=inputs, backward=True), silent)
    weight = module.get_parameter(key).detach()
    leaves = [weight.clone().requires_grad_() for _ in rows]
    output = by_hand(module, drawn(inputs[0]), leaves)
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(0))
    parts = torch.autograd.grad((output * direction).sum(), leaves)
    whole = sum(parts)
    told = next(one for one in report.gradients if one.key == key)
    assert told.sum_note == f"the sum over {len(rows)} uses"
    assert [(use.path, use.call, use.type) for use in told.gradient_uses] == rows
    assert [use.norm for use in told.gradient_uses] == pytest.approx([float(part.norm()) for part in parts], rel=1e-4)
    shares = [float((part * whole).sum() / whole.square().sum()) for part in parts]
    assert [use.share for use in told.gradient_uses] == pytest.approx(shares, rel=1e-3)
    size = float(whole.square().mean().sqrt())
    assert told.gradient_ratio == pytest.approx(size / float(weight.square().mean().sqrt()), rel=1e-4)
    assert told.gradient_rms == pytest.approx(float(whole.square().mean().sqrt()), rel=1e-4)
    assert told.weight_rms == pytest.approx(float(weight.square().mean().sqrt()), rel=1e-5)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_tied_keys_tell_the_same_and_what_is_used_once_nothing():
    told = {
        one.key: one for one in live(Tied()).forward(ForwardSettings(inputs=TOKENS, backward=True), silent).gradients
    }
    assert told["embedding.weight"].gradient_uses == told["head.weight"].gradient_uses
    assert told["middle.weight"].gradient_uses is None
    assert told["middle.weight"].sum_note is None


def test_the_steps_of_a_recurrent_cell_add_up():
    told = {
        one.key: one for one in live(Cell()).forward(ForwardSettings(inputs=NUMBERS, backward=True), silent).gradients
    }
    for key in ("cell.weight_ih", "cell.weight_hh", "cell.bias_hh"):
        uses = told[key].gradient_uses
        assert [(use.path, use.call) for use in uses] == [("cell", step) for step in range(4)]
        assert sum(use.share for use in uses) == pytest.approx(1, rel=1e-4)


def test_a_use_that_cannot_be_seen_leaves_the_sum():
    told = {
        one.key: one for one in live(Hidden()).forward(ForwardSettings(inputs=NUMBERS, backward=True), silent).gradients
    }
    assert told["a.weight"].gradient_uses is None
    assert (
        told["a.weight"].sum_note == "the sum over its uses; the part of each is not known: not every use can be seen"
    )
