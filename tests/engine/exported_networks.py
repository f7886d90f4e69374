"""Networks to export, and faults to plant into what came of them."""

from collections.abc import Callable

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x))) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.a = Block()
        self.b = Block()
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x = self.b(self.a(self.stem(x))).mean((2, 3))
        x = x.view(x.shape[0], -1)
        return self.head(self.norm(x))


class Shared(nn.Module):
    """One layer called three times, attention whose projection is never called itself, a module that never runs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.idle = nn.Linear(8, 8)

    def forward(self, x):
        for _ in range(3):
            x = torch.tanh(self.layer(x))
        return self.attention(x, x, x, need_weights=False)[0]


class ByValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.fc(x)
        if x.sum() > 0:
            x = x * 2
        return x


class NoOperator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.linalg.eigvals(self.fc(x).reshape(-1, 2, 2)).abs()


class FixedBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x).view(2, 4)


class Noisy(nn.Module):
    """Adds random numbers to what its layer gives."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x) + torch.randn_like(x)


class DrawsInVain(nn.Module):
    """Draws random numbers of which nothing is left in its output."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        noise = torch.rand_like(x)
        return self.fc(x) * (noise + 1).sign()


class ThroughNumPy(nn.Module):
    """Calls NumPy on a tensor: torch sees the detaching only, its exporter the function as well."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        h = self.fc(x)
        return torch.from_numpy(numpy.tanh(h.detach().numpy()))


class OwnTypes(nn.Module):
    """Casts to the type of its layer itself."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4).bfloat16()

    def forward(self, x):
        return self.fc(x.bfloat16())


class Inside(nn.Module):
    """Another module inside of which something cannot be exported."""

    def __init__(self, inner):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4), inner)

    def forward(self, x):
        return self.block(x)


def wrong_epsilon(operator: str, number: int) -> Callable[[onnx.ModelProto], None]:
    def plant(model):
        node = [node for node in model.graph.node if node.op_type == operator][number]
        next(one for one in node.attribute if one.name == "epsilon").f = 1e-3

    return plant


def swapped_weights(model: onnx.ModelProto) -> None:
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    one, other = tensors["a.conv.weight"], tensors["b.conv.weight"]
    one.raw_data, other.raw_data = other.raw_data, one.raw_data


def baked_in_batch(model: onnx.ModelProto) -> None:
    """The batch size of the example instead of the input's, in ``x.view(x.shape[0], -1)``."""
    node = next(node for node in model.graph.node if node.name == "node_view")
    node.input[1] = "baked"
    model.graph.initializer.append(numpy_helper.from_array(numpy.array([2, -1]), "baked"))
