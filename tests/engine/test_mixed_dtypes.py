"""Calls that take one dtype only: what the CPU refuses of a mixture is never left to the meta kernels."""

import pytest
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from inspector.engine.pytorch.mixed_dtypes import mixed_dtypes


def ones(*shape, dtype=torch.float32):
    return torch.ones(*shape, dtype=dtype)


def half(*shape):
    return torch.ones(*shape, dtype=torch.float16)


REFUSED = {
    "linear": lambda: F.linear(ones(2, 4), half(3, 4), half(3)),
    "bias of linear": lambda: F.linear(ones(2, 4), ones(3, 4), half(3)),
    "integers": lambda: F.linear(torch.ones(2, 4, dtype=torch.int64), ones(3, 4)),
    "@": lambda: ones(2, 4) @ half(4, 3),
    "bmm": lambda: torch.bmm(ones(1, 2, 4), half(1, 4, 3)),
    "addmm": lambda: torch.addmm(ones(2, 3), ones(2, 4), half(4, 3)),
    "bilinear": lambda: F.bilinear(ones(2, 4), ones(2, 4), half(3, 4, 4)),
    "conv1d": lambda: F.conv1d(ones(1, 3, 8), half(2, 3, 3)),
    "conv2d": lambda: F.conv2d(ones(1, 3, 8, 8), half(2, 3, 3, 3)),
    "conv_transpose3d": lambda: F.conv_transpose3d(ones(1, 3, 8, 8, 8), half(3, 2, 3, 3, 3)),
    "gru_cell": lambda: torch.gru_cell(ones(1, 3), half(1, 4), half(12, 3), half(12, 4), half(12), half(12)),
    "attention": lambda: F.scaled_dot_product_attention(ones(1, 2, 4, 8), half(1, 2, 4, 8), half(1, 2, 4, 8)),
}
TAKEN = {
    "+": lambda: ones(2) + half(2),
    "cat": lambda: torch.cat([ones(2), half(2)]),
    "where": lambda: torch.where(ones(2) > 0, ones(2), half(2)),
    "wider parameters of a norm": lambda: F.layer_norm(half(2, 3), (3,), ones(3), ones(3)),
    "mask of attention": lambda: F.scaled_dot_product_attention(
        ones(1, 2, 4, 8), ones(1, 2, 4, 8), ones(1, 2, 4, 8), torch.ones(4, 4, dtype=torch.bool)
    ),
    "one dtype": lambda: F.linear(half(2, 4), half(3, 4)),
}


class Watching(TorchFunctionMode):
    """Collects what each call mixes."""

    def __init__(self):
        super().__init__()
        self.mixed = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.mixed += mixed_dtypes(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("call", REFUSED)
def test_what_the_cpu_refuses_is_told(call):
    with pytest.raises(RuntimeError), Watching() as watching:
        REFUSED[call]()
    assert len(watching.mixed) == 2


@pytest.mark.parametrize("call", TAKEN)
def test_what_the_cpu_takes_is_not(call):
    with Watching() as watching:
        TAKEN[call]()
    assert watching.mixed == []
