"""Gains against torch's own activations on a million normal numbers."""

import math

import pytest
import torch
from torch.nn import functional

from inspector.core.activation_gains import ACTIVATIONS, moment_gain, worked_out
from inspector.core.fans import gain


def _through(activation: str, scale: float) -> torch.Tensor:
    z = torch.randn(2, 1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * scale
    if activation in ("reglu", "geglu", "swiglu"):
        gate = {"reglu": functional.relu, "geglu": functional.gelu, "swiglu": functional.silu}[activation]
        return z[0] * gate(z[1])
    if activation == "glu":
        return functional.glu(z, dim=0)
    if activation == "prelu":
        return functional.prelu(z[0], torch.tensor(0.25, dtype=torch.float64))
    return getattr(functional, activation)(z[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_second_moment_stays_one_through_the_activation(activation):
    assert float(_through(activation, moment_gain(activation)).square().mean()) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_torch_has_no_gain_for_them_and_we_say_how_ours_was_found(activation):
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        torch.nn.init.calculate_gain(activation)
    assert gain(activation) == moment_gain(activation)
    assert f"= {moment_gain(activation):.5g} because" in worked_out(activation)


def test_gated_rectifiers_have_the_closed_form():
    # g²·E[relu(g·z)²] = g⁴/2 = 1.
    assert moment_gain("reglu") == pytest.approx(math.sqrt(math.sqrt(2)))
    # E[prelu(g·z)²] = g²·(1 + 0.25²)/2 = 1: torch's own gain of leaky_relu with that slope.
    assert moment_gain("prelu") == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.25))
