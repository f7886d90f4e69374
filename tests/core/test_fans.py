"""Fans and formulas against torch: its own counts, and what layers of ones really sum."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import init

from inspector.core.fans import Layout, effective_fans, explain, fans, gain
from inspector.core.initialisers import NONLINEARITIES, parse_initialiser

SHAPES = [(5, 7), (6, 3, 5), (128, 64, 3, 3), (4, 2, 3, 2, 2), (1, 1), (0, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_torchs(shape):
    assert fans(shape) == init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("shape", [(), (5,)])
def test_no_fans_below_two_axes(shape):
    with pytest.raises(ValueError, match="fewer than 2"):
        init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert fans(shape) is None


def test_an_input_first_matrix_counts_as_its_transpose():
    assert fans((400, 120), Layout(kind="input_first")) == init._calculate_fan_in_and_fan_out(torch.empty(400, 120).t())


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_gains_are_torchs(nonlinearity):
    assert gain(nonlinearity) == pytest.approx(init.calculate_gain(nonlinearity))
    assert gain(nonlinearity, 0.3) == pytest.approx(init.calculate_gain(nonlinearity, 0.3))


def summed(layer: nn.Module, size: int) -> tuple[float, float]:
    """How many products an output sums and how many an input's gradient, counted away from the borders."""
    weight = layer.weight
    init.ones_(weight)
    channels = weight.shape[0] if layer.transposed else weight.shape[1] * layer.groups
    x = torch.ones(1, channels, size, size, requires_grad=True)
    y = layer(x)
    y.sum().backward()

    def inside(t: torch.Tensor) -> float:
        # A whole number of strides, so that every phase of the kernel is counted equally often.
        middle = t.shape[-1] // 2 // 12 * 12
        return float(t[..., middle - 12 : middle + 12, middle - 12 : middle + 12].mean())

    return inside(y.detach()), inside(x.grad)


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (nn.Conv2d(4, 6, 3, bias=False), "output_first"),
        (nn.Conv2d(4, 8, 3, groups=4, bias=False), "output_first"),
        (nn.Conv2d(4, 4, 3, groups=4, bias=False), "output_first"),
        (nn.Conv2d(4, 6, 4, stride=2, bias=False), "output_first"),
        (nn.Conv2d(4, 6, (3, 2), dilation=2, bias=False), "output_first"),
        (nn.ConvTranspose2d(4, 6, 3, bias=False), "transposed"),
        (nn.ConvTranspose2d(4, 6, 4, stride=2, bias=False), "transposed"),
        (nn.ConvTranspose2d(4, 6, 3, stride=(3, 2), groups=2, bias=False), "transposed"),
    ],
)
def test_effective_fans_are_what_a_layer_of_ones_sums(layer, kind):
    layout = Layout(kind=kind, groups=layer.groups, stride=list(layer.stride))
    assert effective_fans(layer.weight.shape, layout) == pytest.approx(summed(layer, 96))


def last_number(text: str, name: str) -> float:
    return float(re.search(rf"\b{name} = .*?= (-?[\d.e-]+)(?:;|$)", text)[1])


@pytest.mark.parametrize(
    "name", ["xavier_uniform_(gain=2)", "kaiming_uniform_(mode=fan_out)", "kaiming_uniform_(a=0.2)"]
)
def test_the_bound_explained_is_the_bound_drawn(name):
    call, shape = parse_initialiser(name), (200, 300)
    drawn = getattr(init, call.name)(torch.empty(shape), **call.arguments)
    assert last_number(explain(call, shape), "bound") == pytest.approx(float(drawn.abs().max()), rel=1e-3)


@pytest.mark.parametrize(
    "name", ["xavier_normal_", "kaiming_normal_(nonlinearity=tanh)", "kaiming_normal_(mode=fan_out)"]
)
def test_the_std_explained_is_the_std_drawn(name):
    call, shape = parse_initialiser(name), (200, 300)
    torch.manual_seed(0)
    drawn = getattr(init, call.name)(torch.empty(shape), **call.arguments)
    assert last_number(explain(call, shape), "std") == pytest.approx(float(drawn.std()), rel=0.02)


def test_an_orthogonal_matrix_has_the_root_mean_square_explained():
    call, shape = parse_initialiser("orthogonal_(gain=3)"), (16, 25, 3)
    drawn = init.orthogonal_(torch.empty(shape), gain=3)
    assert float(explain(call, shape).rsplit("= ", 1)[1]) == pytest.approx(
        float(drawn.square().mean().sqrt()), rel=1e-3
    )


def test_the_formula_reads_with_its_numbers():
    text = explain(parse_initialiser("kaiming_uniform_(nonlinearity=relu)"), (120, 400))
    assert text.startswith("bound = gain·√(3/fan_in) = 1.4142·√(3/400) = 0.1225")


@pytest.mark.parametrize(
    ("fan", "used", "told"),
    [("effective", 512 * 16 / 4, "torch counts fan_in = 256"), ("torch", 16 * 16, "really sums fan_in = 2048")],
)
def test_a_transposed_convolution_is_told_the_count_that_is_not_used(fan, used, told):
    layout = Layout(kind="transposed", stride=[2, 2])
    text = explain(parse_initialiser(f"kaiming_normal_(fan={fan})"), (512, 16, 4, 4), layout)
    assert f"√{used:g}" in text
    assert told in text


def test_the_share_of_the_dead_zone():
    call = parse_initialiser("uniform_dead_zone(low=-10, high=6, dead=5)")
    values = torch.linspace(-10, 6, 100_001)
    share = float((values.abs() < 5).double().mean())
    assert f"{share:.1%} are 0" in explain(call, (3,))


def test_sparse_counts_its_zeros():
    drawn = init.sparse_(torch.empty(7, 4), 0.3)
    assert f"= {int((drawn[:, 0] == 0).sum())} of 7" in explain(parse_initialiser("sparse_(0.3)"), (7, 4))
    assert math.ceil(0.3 * 7) == 3
