"""Floating-point operations, against torch's own `FlopCounterMode` on meta."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


class Twice(nn.Module):
    """One layer called twice, and a product written as a function."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.parts = nn.ModuleList([nn.Linear(6, 2), nn.Linear(6, 3)])

    def forward(self, x):
        x = self.fc(F.relu(self.fc(x)))
        return torch.cat([part(x) for part in self.parts], -1) @ x.new_ones(5, 4)


class Attending(nn.Module):
    """Attention by the function, with as many keys as queries."""

    def forward(self, x):
        heads = x.unflatten(-1, (2, 4)).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads, heads)


class Products(nn.Module):
    """Every way to multiply, as functions: matrix by matrix, batches, sums over named axes, kernels."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(6, 6, 3))

    def forward(self, x):
        square = torch.bmm(x, x.transpose(1, 2))
        square = torch.baddbmm(square, square, square) + torch.einsum("bij,bkj->bik", x, x)
        square = torch.addmm(square[0], square[0], square[1]) @ square
        mixed = F.conv1d(F.pad(square, (1, 1)), self.kernel[:, :3], groups=2)
        mixed = F.conv_transpose1d(mixed, self.kernel[:, :2], stride=2, groups=2)
        return F.bilinear(mixed, mixed, torch.ones(3, mixed.shape[-1], mixed.shape[-1], device=x.device))


class Between(nn.Module):
    """A transformer's two inputs from one."""

    def __init__(self):
        super().__init__()
        self.net = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)

    def forward(self, x):
        return self.net(x, x[:, 1:])


class First(nn.Module):
    """A recurrent layer's sequence without its state."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


MODELS = {
    "grouped convolution": (nn.Conv2d(4, 6, 3, 2, 1, dilation=2, groups=2), [2, 4, 17, 13]),
    "transposed convolution": (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), [2, 4, 7, 5]),
    "sequence": (nn.Conv1d(4, 6, 5), [3, 4, 30]),
    "volume": (nn.Conv3d(2, 3, 3), [1, 2, 8, 7, 6]),
    "linear on the last axis": (nn.Linear(6, 4, bias=False), [2, 5, 6]),
    "called twice": (Twice(), [3, 6]),
    "lstm": (First(nn.LSTM(6, 5, 2)), [7, 2, 6]),
    "lstm in two directions": (First(nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True)), [2, 7, 6]),
    "gru": (First(nn.GRU(6, 5, 2)), [7, 2, 6]),
    "rnn": (First(nn.RNN(6, 5)), [7, 2, 6]),
    "attention": (Attending(), [2, 9, 8]),
    "encoder layer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [2, 9, 8]),
    "functions": (Products(), [2, 6, 5]),
    "transposed sequence": (nn.ConvTranspose1d(4, 6, 5, 3), [3, 4, 11]),
    "transposed volume": (nn.ConvTranspose3d(2, 3, 3, 2), [1, 2, 4, 3, 5]),
    "transformer": (Between(), [2, 9, 8]),
    "nothing counted": (nn.MaxPool2d(2), [1, 1, 4, 4]),
}


def live(module):
    return TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: module))


@pytest.mark.parametrize("name", MODELS)
def test_operations_are_those_that_torch_counts_on_meta(name):
    module, shape = MODELS[name]
    model = live(module)
    table = model.trace([InputSpec(shape=shape)], lambda *_: None)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.to("meta")(torch.empty(shape, device="meta"))
    counted = counter.get_total_flops()
    assert (table.totals.flops or 0) == counted
    assert (table.totals.macs or 0) * 2 == counted
    leaves = {row.index for row in table.rows} - {row.parent for row in table.rows}
    assert sum(table.rows[index].flops or 0 for index in leaves) == counted
    assert (table.rows[0].flops or 0) == counted


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.ConvTranspose1d(4, 6, 5, 3), [3, 4, 11]),
        (nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, groups=2, dilation=2), [2, 4, 7, 5]),
        (nn.ConvTranspose3d(2, 3, 3, 2), [1, 2, 4, 3, 5]),
    ],
)
def test_a_transposed_convolution_applies_its_kernel_at_every_position_of_its_input(layer, shape):
    table = live(layer).trace([InputSpec(shape=shape)], lambda *_: None)
    positions = torch.Size(shape[2:]).numel()
    assert table.totals.macs == shape[0] * positions * layer.weight.numel()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("densenet121", [1, 3, 224, 224]),
        ("efficientnet_v2_s", [1, 3, 224, 224]),
        ("swin_v2_t", [1, 3, 224, 224]),
        ("vit_b_16", [1, 3, 224, 224]),
        ("maxvit_t", [1, 3, 224, 224]),
        ("r2plus1d_18", [1, 3, 8, 64, 64]),
        ("s3d", [1, 3, 16, 224, 224]),
        ("mvit_v2_s", [1, 3, 16, 224, 224]),
        ("swin3d_t", [1, 3, 8, 64, 64]),
        ("quantized_mobilenet_v2", [1, 3, 224, 224]),
        ("deeplabv3_resnet50", [1, 3, 224, 224]),
    ],
)
def test_torchvision_models_count_as_torch_does_and_their_rows_add_up(name, shape):
    from inspector.engine.pytorch import torchvision_operators

    torchvision_operators.install()
    from torchvision import models

    options = {"weights_backbone": None} if name.startswith("deeplab") else {}
    with torch.device("meta"):
        module = models.get_model(name, weights=None, **options).eval()
    table = live(module).trace([InputSpec(shape=shape)], lambda *_: None)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(shape, device="meta"))
    assert table.totals.flops == counter.get_total_flops()
    for amount in ("flops", "activation_bytes"):
        own = [getattr(row, amount) or 0 for row in table.rows]
        for row in table.rows:
            if row.parent is not None:
                own[row.parent] -= getattr(row, amount) or 0
        assert min(own) >= 0
        assert sum(own) == getattr(table.totals, amount)


def test_a_container_counts_what_is_called_below_it():
    table = live(Twice()).trace([InputSpec(shape=[3, 6])], lambda *_: None)
    flops = {(row.path, row.call, row.kind): row.flops for row in table.rows}
    assert flops["parts", 0, "module"] == flops["parts.0", 0, "module"] + flops["parts.1", 0, "module"]
    assert flops["parts.0", 0, "module"] == 2 * 3 * 6 * 2
    assert flops["fc", 1, "module"] == 2 * 3 * 6 * 6


def test_a_measured_pass_tells_the_operations_counted_before():
    model = live(Twice())
    model.trace([InputSpec(shape=[3, 6])], lambda *_: None)
    traced = [row.flops for row in model.table().rows]
    assert [row.flops for row in model.forward(ForwardSettings(), lambda *_: None).table.rows] == traced
    other = model.forward(ForwardSettings(inputs=[InputSpec(shape=[5, 6])]), lambda *_: None).table
    assert {row.flops for row in other.rows} == {None}


def test_a_pass_that_fails_has_no_total():
    failing = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 4))
    table = live(failing).trace([InputSpec(shape=[1, 4])], lambda *_: None)
    assert table.failure is not None
    assert (table.totals.flops, table.rows[1].flops) == (None, 2 * 4 * 4)
