"""Gains for the activations that `torch.nn.init.calculate_gain` has none for.

The gain of an activation f is the g with which E[f(g·z)²] = 1 for z ~ N(0, 1): inputs of unit second moment, summed by
weights of std g/√fan_in, leave the activation with unit second moment again. For a rectifier that is √2, as of He et
al. (2015). The expectation is a quadrature over z; g is found by bisection.
"""

import functools
import math
from collections.abc import Callable

WIDEST = 12.0
STEPS = 1200
"""Of Simpson's rule over ±WIDEST; even, so that the kink at 0 of most activations falls between two of them."""


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu(x: float) -> float:
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


def _elu(x: float) -> float:
    return x if x > 0 else math.expm1(x)


_PLAIN: dict[str, Callable[[float], float]] = {
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
    "elu": _elu,
    "celu": _elu,
    "prelu": lambda x: x if x > 0 else 0.25 * x,
    "softplus": _softplus,
    "hardswish": lambda x: x * min(max(x + 3, 0.0), 6.0) / 6,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
}
_WITH_A_GAIN_OF_TORCH: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
}
_GATES: dict[str, Callable[[float], float]] = {
    "glu": _sigmoid,
    "reglu": lambda x: max(x, 0.0),
    "geglu": _gelu,
    "swiglu": lambda x: x * _sigmoid(x),
}
"""Of two halves of a layer's output, the function of the one that multiplies the other."""
_FUNCTIONS = _PLAIN | _WITH_A_GAIN_OF_TORCH
ACTIVATIONS = (*_PLAIN, *_GATES)
"""The activations with a gain of ours."""


@functools.cache
def moment_gain(activation: str) -> float:
    """The gain g with E[f(g·z)²] = 1, or g²·E[f(g·z)²] = 1 where f gates another half of the layer's output."""
    low, high = 0.0, 8.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if second_moment(activation, middle) < 1 else (low, middle)
    return (low + high) / 2


def second_moment(activation: str, scale: float) -> float:
    """E[f(scale·z)²] for z ~ N(0, 1), times scale² where f gates another half of the layer's output.

    Also of the activations that torch has a gain for: relu, leaky_relu (slope 0.01), tanh, sigmoid, selu.
    """
    gating = activation in _GATES
    function = _GATES[activation] if gating else _FUNCTIONS[activation]
    width = 2 * WIDEST / STEPS
    total = 0.0
    for step in range(STEPS + 1):
        z = (step - STEPS // 2) * width
        weight = 1 if step in (0, STEPS) else 4 if step % 2 else 2
        total += weight * function(scale * z) ** 2 * math.exp(-z * z / 2)
    return total * width / 3 / math.sqrt(2 * math.pi) * (scale**2 if gating else 1)


def worked_out(activation: str) -> str:
    """How the gain was found: ``gain = 1.4676: E[gelu(1.4676·z)²] = 1 for z ~ N(0, 1)``."""
    gain = moment_gain(activation)
    half = f"{gain:.5g}²·" if activation in _GATES else ""
    inner = {"glu": "sigmoid", "reglu": "relu", "geglu": "gelu", "swiglu": "silu"}.get(activation, activation)
    return f"gain = {gain:.5g} because {half}E[{inner}({gain:.5g}·z)²] = 1 for z ~ N(0, 1), by quadrature"
