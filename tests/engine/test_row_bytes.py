"""Bytes of each row, against the tensors that torch makes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


class Mixed(nn.Module):
    """Tied and half-precision tensors; outputs that are new, views, the input changed, a slice of something larger."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(8, 8)
        self.two = nn.Linear(8, 8, bias=False)
        self.two.weight = self.one.weight
        self.low = nn.Linear(8, 4).half()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        h = F.relu(self.norm(self.one(x)), inplace=True)
        h = self.two(h).view(2, 2, 8)
        h += 1
        first, second = torch.cat([h, h]).chunk(2)
        return self.low(first.half()), second[:, :1], torch.max(second, -1)


BYTES = {
    "one": (128, 128), "norm": (128, 128), "F.relu": (128, 0), "two": (128, 128), "x.view": (128, 0), "+=": (128, 0),
    "torch.cat": (256, 256), "x.chunk": (256, 0), "x.half": (64, 64), "low": (32, 32), "x[…]": (64, 0),
    "torch.max": (16 + 32, 16 + 32),
}  # fmt: skip
"""Of each call the elements of its outputs, and the memory that none of its inputs lies in."""


@pytest.mark.parametrize("way", ["real", "meta"])
def test_a_row_tells_what_its_outputs_take_and_what_of_it_is_new(way, monkeypatch):
    monkeypatch.setattr("inspector.engine.pytorch.passes.is_cheap", lambda *_: way == "real")
    module = Mixed().eval()
    model = TorchModel(Recipe(target="net.py"), Opened(module, "Net", lambda seed: module))
    table = model.trace([InputSpec(shape=[4, 8])], lambda *_: None)
    assert table.failure is None
    found = {row.name: (row.output_bytes, row.activation_bytes) for row in table.rows[1:]}
    for name, expected in BYTES.items():
        assert found[next(one for one in found if one == name or (name == "x[…]" and one.startswith("x[")))] == expected
    assert table.totals.activation_bytes == sum(new for _, new in BYTES.values())
    outputs = module(torch.zeros(4, 8))
    tensors = [outputs[0], outputs[1], *outputs[2]]
    assert table.rows[0].output_bytes == sum(one.numel() * one.element_size() for one in tensors)
    assert table.rows[0].activation_bytes == table.totals.activation_bytes


def test_a_row_tells_the_bytes_of_parameters_and_buffers_below_it_each_once():
    module = Mixed()
    model = TorchModel(Recipe(target="net.py"), Opened(module, "Net", lambda seed: module))
    table = model.table()
    for row in table.rows:
        part = module.get_submodule(row.path)
        assert row.parameter_bytes == sum(one.nbytes for one in part.parameters())
        assert row.buffer_bytes == sum(one.nbytes for one in part.buffers())
    assert table.rows[0].parameter_bytes == table.totals.parameter_bytes
    assert table.rows[0].buffer_bytes == table.totals.buffer_bytes
