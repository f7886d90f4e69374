"""Small networks with a planted bug each. The line that fails ends in ``# FAILS``."""

from dataclasses import dataclass

HEAD = """import torch
from torch import nn
import torch.nn.functional as F


"""


@dataclass(frozen=True)
class Bug:
    """A network that fails: where, and on which inputs."""

    name: str
    path: str
    inputs: list[str]
    source: str
    training: bool = False


def bug(name, path, inputs, init, forward, training=False, before=""):
    """A network ``Net`` with these lines in its constructor and its forward."""
    init = "\n".join(f"        {line}" for line in init.strip().splitlines())
    forward = "\n".join(f"        {line}" for line in forward.strip().splitlines())
    first = forward.splitlines()[0].strip()
    arguments = "x"
    if first.startswith("def "):
        arguments = first.removeprefix("def ")
        forward = "\n".join(forward.splitlines()[1:])
    net = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{init}\n\n"
    source = f"{HEAD}{before}{net}    def forward(self, {arguments}):\n{forward}\n"
    return Bug(name, path, inputs.split(), source, training)


RESIDUAL = """class Block(nn.Module):
    def __init__(self, channels, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)

    def forward(self, x):
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y + x)  # FAILS


"""

BLOCKS = """class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x):
        return self.conv2(F.relu(self.conv1(x)))  # FAILS


"""

GATE = """class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        weight = torch.sigmoid(self.conv(x))
        y = weight * x


"""

MASKED = """class Attention(nn.Module):
    def __init__(self, features{0}):
        super().__init__()
        self.qk = nn.Linear(features, 2 * features)
        self.register_buffer("mask", torch.tril(torch.ones({1}, {1})).view(1, {1}, {1}))

    def forward(self, x):
        length = x.shape[1]
        q, k = self.qk(x).chunk(2, dim=-1)
        weights = q @ k.transpose(-2, -1)
        weights = weights.masked_fill(self.mask[:, :length, :length] == 0, float("-inf"))  # FAILS
        return weights.softmax(-1) @ x


"""

INVERTED = """class Inverted(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.use_shortcut = stride == 1
        self.conv = nn.Sequential(nn.Conv2d(before, 12, 1), nn.ReLU(), nn.Conv2d(12, after, 3, stride, 1))

    def forward(self, x):
        if self.use_shortcut:
            return x + self.conv(x)  # FAILS
        return self.conv(x)


"""

BUGS = [
    bug(
        "flatten size", "fc", "2x3x28x28",
        "self.conv = nn.Conv2d(3, 16, 5)\nself.pool = nn.MaxPool2d(2)\nself.fc = nn.Linear(16 * 5 * 5, 10)",
        "x = self.pool(F.relu(self.conv(x)))\nx = torch.flatten(x, 1)\nreturn self.fc(x)  # FAILS",
    ),
    bug(
        "view size", "", "3x3x28x28",
        "self.conv = nn.Conv2d(3, 16, 5)\nself.pool = nn.MaxPool2d(2)\n"
        "self.fc1 = nn.Linear(400, 120)\nself.fc2 = nn.Linear(120, 10)",
        "x = self.pool(F.relu(self.conv(x)))\nx = x.view(-1, 400)  # FAILS\nreturn self.fc2(F.relu(self.fc1(x)))",
    ),
    bug(
        "view of the batch", "", "2x8x4x4",
        "self.fc = nn.Linear(128, 10)",
        "x = x.view(4, 128)  # FAILS\nreturn self.fc(x)",
    ),
    bug(
        "missing flatten", "fc", "2x3x8x8",
        "self.conv = nn.Conv2d(3, 4, 3)\nself.fc = nn.Linear(4 * 6 * 6, 10)",
        "x = F.relu(self.conv(x))\nreturn self.fc(x)  # FAILS",
    ),
    bug(
        "missing flatten in a Sequential", "net.2", "2x3x8x8",
        "self.net = nn.Sequential(\n    nn.Conv2d(3, 4, 3),\n    nn.ReLU(),\n    nn.Linear(4 * 6 * 6, 10),\n)",
        "return self.net(x)  # FAILS",
    ),
    bug(
        "missing pooling", "fc", "2x3x9x9",
        "self.conv = nn.Conv2d(3, 16, 3)\nself.fc = nn.Linear(16, 10)",
        "return self.fc(self.conv(x))  # FAILS",
    ),
    bug(
        "channels of a convolution", "conv2", "1x3x32x32",
        "self.conv1 = nn.Conv2d(3, 16, 3)\nself.bn = nn.BatchNorm2d(16)\nself.conv2 = nn.Conv2d(32, 64, 3)",
        "return self.conv2(F.relu(self.bn(self.conv1(x))))  # FAILS",
    ),
    bug(
        "channels in a Sequential", "features.2", "1x3x32x32",
        "self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))",
        "return self.features(x)  # FAILS",
    ),
    bug(
        "channels in a list of layers", "features.2", "1x3x32x32",
        "layers = [nn.Conv2d(3, 8, 3), nn.ReLU()]\nlayers.append(nn.Conv2d(16, 8, 3))\n"
        "self.features = nn.Sequential(*layers)",
        "for layer in self.features:\n    x = layer(x)  # FAILS\nreturn x",
    ),
    bug(
        "channels in a loop", "layers.1", "1x4x16x16",
        "self.layers = nn.ModuleList(nn.Conv2d(4, 8, 3) for _ in range(2))",
        "for layer in self.layers:\n    x = layer(x)  # FAILS\nreturn x",
    ),
    bug(
        "channels in blocks", "first.conv2", "1x4x16x16",
        "self.first = Block(4, 8)\nself.second = Block(8, 16)",
        "return self.second(self.first(x))", before=BLOCKS,
    ),
    bug(
        "features of a norm", "bn", "1x3x16x16",
        "self.conv = nn.Conv2d(3, 8, 3)\nself.bn = nn.BatchNorm2d(16)",
        "return self.bn(self.conv(x))  # FAILS",
    ),
    bug(
        "channels last", "conv", "1x32x32x3",
        "self.conv = nn.Conv2d(3, 8, 3)",
        "return self.conv(x)  # FAILS",
    ),
    bug(
        "missing batch", "bn", "3x16x16",
        "self.conv = nn.Conv2d(3, 8, 3)\nself.bn = nn.BatchNorm2d(8)",
        "x = self.conv(x)\nreturn self.bn(x)  # FAILS",
    ),
    bug(
        "squeezed batch", "", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 8, 3)\nself.fc = nn.Linear(8, 5)",
        "x = F.adaptive_avg_pool2d(self.conv(x), 1).squeeze()\nx = self.fc(x)\nreturn F.log_softmax(x, dim=1)  # FAILS",
    ),
    bug(
        "one axis too many", "conv", "2x4x3x16x16",
        "self.conv = nn.Conv2d(3, 8, 3)",
        "return self.conv(x)  # FAILS",
    ),
    bug(
        "decoder from flat features", "deconv", "2x10",
        "self.fc = nn.Linear(10, 8 * 4 * 4)\nself.deconv = nn.ConvTranspose2d(8, 3, 4, 2, 1)",
        "return self.deconv(self.fc(x))  # FAILS",
    ),
    bug(
        "view after permute", "", "2x3x4x5",
        "self.fc = nn.Linear(60, 2)",
        "x = x.permute(0, 2, 3, 1)\nx = x.view(x.size(0), -1)  # FAILS\nreturn self.fc(x)",
    ),
    bug(
        "integers to a linear layer", "fc", "2x8:int64~range(0,5)",
        "self.fc = nn.Linear(8, 2)",
        "return self.fc(x)  # FAILS",
    ),
    bug(
        "floats to an embedding", "table", "2x8",
        "self.table = nn.Embedding(10, 4)",
        "return self.table(x)  # FAILS",
    ),
    bug(
        "double and float", "fc2", "2x8",
        "self.fc1 = nn.Linear(8, 8)\nself.fc2 = nn.Linear(8, 2)",
        "x = self.fc1(x).double()\nreturn self.fc2(x)  # FAILS",
    ),
    bug(
        "half weights", "fc2", "2x8",
        "self.fc1 = nn.Linear(8, 8)\nself.fc2 = nn.Linear(8, 2).half()",
        "return self.fc2(self.fc1(x))  # FAILS",
    ),
    bug(
        "index out of range", "table", "2x8:int64~range(0,40)",
        "self.table = nn.Embedding(10, 4)",
        "return self.table(x)  # FAILS",
    ),
    bug(
        "positions out of range", "positions", "2x20:int64~range(0,10)",
        "self.table = nn.Embedding(10, 4)\nself.positions = nn.Embedding(16, 4)",
        "at = torch.arange(x.shape[1])\nreturn self.table(x) + self.positions(at)  # FAILS",
    ),
    bug(
        "item out of range", "", "2x3x8",
        "self.fc = nn.Linear(8, 2)",
        "return self.fc(x[:, 3])  # FAILS",
    ),
    bug(
        "kernel larger than its input", "conv2", "1x3x8x8",
        "self.conv1 = nn.Conv2d(3, 4, 3, stride=2)\nself.conv2 = nn.Conv2d(4, 8, 7)",
        "return self.conv2(self.conv1(x))  # FAILS",
    ),
    bug(
        "pooled to nothing", "pool", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 4, 3)\nself.pool = nn.MaxPool2d(4)",
        "x = self.pool(self.conv(x))\nreturn self.pool(x)  # FAILS",
    ),
    bug(
        "BatchNorm with one value", "bn", "1x8",
        "self.fc = nn.Linear(8, 4)\nself.bn = nn.BatchNorm1d(4)",
        "return self.bn(self.fc(x))  # FAILS", training=True,
    ),
    bug(
        "cat of branches", "", "1x3x16x16",
        "self.a = nn.Conv2d(3, 4, 3, padding=1)\nself.b = nn.Conv2d(3, 4, 5)\nself.c = nn.Conv2d(3, 4, 1)",
        "a = self.a(x)\nb = self.b(x)\nc = self.c(x)\nreturn torch.cat([a, b, c], 1)  # FAILS",
    ),
    bug(
        "cat on the wrong axis", "", "2x3x16x16",
        "self.a = nn.Conv2d(3, 4, 1)\nself.b = nn.Conv2d(3, 6, 1)",
        "return torch.cat([self.a(x), self.b(x)])  # FAILS",
    ),
    bug(
        "U-Net with an odd size", "", "1x3x30x30",
        "self.down1 = nn.Conv2d(3, 8, 3, padding=1)\nself.down2 = nn.Conv2d(8, 16, 3, padding=1)\n"
        "self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)\nself.last = nn.Conv2d(16, 1, 1)\n"
        "self.deep = nn.Conv2d(16, 16, 3, padding=1)\nself.up2 = nn.ConvTranspose2d(16, 16, 2, stride=2)",
        "one = self.down1(x)\ntwo = self.down2(F.max_pool2d(one, 2))\nthree = self.deep(F.max_pool2d(two, 2))\n"
        "two = torch.cat([two, self.up2(three)], 1)  # FAILS\n"
        "return self.last(torch.cat([one, self.up(two[:, :16])], 1))",
    ),
    bug(
        "residual with another width", "block", "1x8x16x16",
        "self.block = Block(8, 16, 2)\nself.head = nn.Conv2d(16, 4, 1)",
        "return self.head(self.block(x))", before=RESIDUAL,
    ),
    bug(
        "residual in a stack", "second", "1x8x16x16",
        "self.first = Block(8, 8)\nself.second = Block(8, 16, stride=2)\nself.head = nn.Conv2d(16, 4, 1)",
        "return self.head(self.second(self.first(x)))", before=RESIDUAL,
    ),
    bug(
        "residual without padding", "", "1x8x16x16",
        "self.conv1 = nn.Conv2d(8, 8, 3, padding=1)\nself.conv2 = nn.Conv2d(8, 8, 3)\nself.head = nn.Conv2d(8, 2, 1)",
        "y = self.conv2(F.relu(self.conv1(x)))\nreturn self.head(x + y)  # FAILS",
    ),
    bug(
        "table of positions", "", "2x3x32x32",
        "self.patches = nn.Conv2d(3, 16, 8, 8)\nself.positions = nn.Parameter(torch.zeros(1, 17, 16))",
        "x = self.patches(x).flatten(2).transpose(1, 2)\nx = x + self.positions  # FAILS\nreturn x.mean(1)",
    ),
    bug(
        "gate without axes", "", "2x8x6x6",
        "self.fc = nn.Linear(8, 8)",
        "gate = torch.sigmoid(self.fc(x.mean((2, 3))))\nreturn x * gate  # FAILS",
    ),
    bug(
        "class token of one sample", "", "2x5x8",
        "self.token = nn.Parameter(torch.zeros(1, 1, 8))",
        "return torch.cat([self.token, x], dim=1)  # FAILS",
    ),
    bug(
        "matmul of attention", "", "2x5x8",
        "self.q = nn.Linear(8, 8)\nself.k = nn.Linear(8, 8)",
        "q, k = self.q(x), self.k(x)\nreturn (q @ k).softmax(-1)  # FAILS",
    ),
    bug(
        "bmm of two axes", "", "2x5x8",
        "self.weight = nn.Parameter(torch.randn(8, 4))",
        "return torch.bmm(x, self.weight)  # FAILS",
    ),
    bug(
        "own weight of the wrong shape", "", "2x8",
        "self.weight = nn.Parameter(torch.randn(6, 4))",
        "return x @ self.weight  # FAILS",
    ),
    bug(
        "einsum", "", "2x5x8",
        "self.k = nn.Linear(8, 6)\nself.q = nn.Linear(8, 6)",
        "return torch.einsum('bqd,bdk->bqk', self.q(x), self.k(x))  # FAILS",
    ),
    bug(
        "features of an LSTM", "lstm", "2x5x8",
        "self.lstm = nn.LSTM(10, 6, batch_first=True)",
        "out, _ = self.lstm(x)  # FAILS\nreturn out",
    ),
    bug(
        "an LSTM returns a pair", "fc", "2x5x8",
        "self.lstm = nn.LSTM(8, 6, batch_first=True)\nself.fc = nn.Linear(6, 2)",
        "out = self.lstm(x)\nreturn self.fc(out)  # FAILS",
    ),
    bug(
        "an attribute of the pair", "", "2x5x8",
        "self.gru = nn.GRU(8, 6, batch_first=True)",
        "out = self.gru(x)\nreturn out.mean(1)  # FAILS",
    ),
    bug(
        "bidirectional features", "fc", "2x5x8",
        "self.gru = nn.GRU(8, 6, batch_first=True, bidirectional=True)\nself.fc = nn.Linear(6, 2)",
        "out, _ = self.gru(x)\nreturn self.fc(out[:, -1])  # FAILS",
    ),
    bug(
        "states of another batch", "gru", "4x5x8",
        "self.gru = nn.GRU(8, 6)",
        "h = torch.zeros(1, x.shape[0], 6)\nout, _ = self.gru(x, h)  # FAILS\nreturn out",
    ),
    bug(
        "attention's features", "attention", "2x5x12",
        "self.attention = nn.MultiheadAttention(16, 4, batch_first=True)",
        "return self.attention(x, x, x)[0]  # FAILS",
    ),
    bug(
        "attention's keys", "attention", "2x5x16 memory=2x7x24",
        "self.attention = nn.MultiheadAttention(16, 4, batch_first=True)",
        "def x, memory\nreturn self.attention(x, memory, memory)[0]  # FAILS",
    ),
    bug(
        "padding mask", "attention", "2x5x16",
        "self.attention = nn.MultiheadAttention(16, 4)",
        "mask = torch.zeros(x.shape[:2], dtype=torch.bool)\n"
        "return self.attention(x, x, x, key_padding_mask=mask)[0]  # FAILS",
    ),
    bug(
        "transformer's features", "encoder.layers.0.self_attn", "2x5x12",
        "layer = nn.TransformerEncoderLayer(d_model=16, nhead=4, batch_first=True)\n"
        "self.encoder = nn.TransformerEncoder(layer, 2)",
        "return self.encoder(x)  # FAILS",
    ),
    bug(
        "groups", "norm", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 8, 3)\nself.norm = nn.GroupNorm(4, 16)",
        "return self.norm(self.conv(x))  # FAILS",
    ),
    bug(
        "functional groups", "", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 10, 3)",
        "return F.group_norm(self.conv(x), 4)  # FAILS",
    ),
    bug(
        "LayerNorm on channels", "norm", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 10, 3)\nself.norm = nn.LayerNorm(10)",
        "return self.norm(self.conv(x))  # FAILS",
    ),
    bug(
        "PixelShuffle", "shuffle", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 10, 3)\nself.shuffle = nn.PixelShuffle(2)",
        "return self.shuffle(self.conv(x))  # FAILS",
    ),
    bug(
        "interpolation of a sequence", "", "1x3x8",
        "self.conv = nn.Conv1d(3, 10, 3)",
        "return F.interpolate(self.conv(x), scale_factor=2, mode='bilinear')  # FAILS",
    ),
    bug(
        "permute of three axes", "", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 10, 3)",
        "return self.conv(x).permute(0, 2, 1)  # FAILS",
    ),
    bug(
        "misspelt layer", "", "1x8",
        "self.linear = nn.Linear(8, 2)",
        "return self.linaer(x)  # FAILS",
    ),
    bug(
        "argument missing", "inner", "1x8",
        "self.inner = Inner()", "scale = x.mean()\nreturn self.inner(x)  # FAILS",
        before="class Inner(nn.Module):\n    def forward(self, x, scale):\n        return x * scale\n\n\n",
    ),
    bug(
        "argument too many", "net", "1x8",
        "self.net = nn.Sequential(nn.Linear(8, 2))", "return self.net(x, x)  # FAILS",
    ),
    bug(
        "unknown keyword", "inner", "1x8",
        "self.inner = Inner()", "return self.inner(x, scales=2)  # FAILS",
        before="class Inner(nn.Module):\n    def forward(self, x, scale):\n        return x * scale\n\n\n",
    ),
    bug(
        "ModuleList called", "layers", "1x8",
        "self.layers = nn.ModuleList([nn.Linear(8, 8), nn.ReLU()])", "x = self.layers(x)  # FAILS\nreturn x",
    ),
    bug(
        "list called", "", "1x8",
        "self.layers = [nn.Linear(8, 8), nn.ReLU()]", "x = self.layers(x)  # FAILS\nreturn x",
    ),
    bug(
        "unpacked shape", "", "3x8x8",
        "self.conv = nn.Conv2d(3, 4, 3)", "b, c, h, w = x.shape  # FAILS\nreturn self.conv(x).view(b, -1)",
    ),
    bug(
        "three from one", "", "2x5x8",
        "self.qkv = nn.Linear(8, 24)", "q, k, v = self.qkv(x)  # FAILS\nreturn q @ k.transpose(1, 2) @ v",
    ),
    bug(
        "a check of the model", "", "2x1x8x8",
        "self.conv = nn.Conv2d(3, 4, 3)", "assert x.shape[1] == 3, 'RGB only'  # FAILS\nreturn self.conv(x)",
    ),
    bug(
        "heads that do not divide", "", "2x5x10",
        "self.heads = 4\nself.proj = nn.Linear(10, 10)", "b, t, c = x.shape\n"
        "return self.proj(x).view(b, t, self.heads, c // self.heads)  # FAILS",
    ),
    bug(
        "padding mode", "conv", "1x3x2x2",
        "self.conv = nn.Conv2d(3, 4, 3, padding=2, padding_mode='reflect')", "return self.conv(x)  # FAILS",
    ),
    bug(
        "depthwise channels", "depthwise", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 10, 3)\n"
        "self.depthwise = nn.Conv2d(16, 16, 3, groups=16)", "return self.depthwise(self.conv(x))  # FAILS",
    ),
    bug(
        "Conv1d on features last", "conv", "2x20x8",
        "self.conv = nn.Conv1d(8, 10, 3)", "return self.conv(x)  # FAILS",
    ),
    bug(
        "split sizes", "", "2x8",
        "self.fc = nn.Linear(8, 10)", "a, b = self.fc(x).split([4, 4], dim=1)  # FAILS\nreturn a * a.mean()",
    ),
    bug(
        "loss of float classes", "", "4x8 y=4x1",
        "self.fc = nn.Linear(8, 3)", "def x, y\nreturn F.cross_entropy(self.fc(x), (y[:, 0] > 0).float())  # FAILS",
    ),
    bug(
        "batch_first missing beside first states", "lstm", "8x20x5",
        "self.lstm = nn.LSTM(5, 32, 2)\nself.fc = nn.Linear(32, 3)",
        "h = torch.zeros(2, x.size(0), 32)\nc = torch.zeros(2, x.size(0), 32)\n"
        "out, _ = self.lstm(x, (h, c))  # FAILS\nreturn self.fc(out[:, -1])",
    ),
    bug(
        "a forward without a return", "", "2x4x8x8",
        "self.gate = Gate()", "x = x + self.gate(x)  # FAILS\nreturn x", before=GATE,
    ),
    bug(
        "None by a name from a forward without a return", "", "2x4x8x8",
        "self.gate = Gate()", "y = self.gate(x)\nreturn y.mean((2, 3))  # FAILS", before=GATE,
    ),
    bug(
        "a map's wrong axes together before a recurrent layer", "rnn", "2x1x40x100",
        "self.conv = nn.Conv2d(1, 16, 3, 4, 1)\nself.rnn = nn.GRU(160, 24, batch_first=True)",
        "x = self.conv(x)\nb, c, h, w = x.shape\nx = x.permute(0, 1, 3, 2).reshape(b, c, h * w)\n"
        "return self.rnn(x)[0]  # FAILS",
    ),
    bug(
        "a squeeze that took the batch", "bn", "1x3x8x8",
        "self.conv = nn.Conv2d(3, 16, 3)\nself.bn = nn.BatchNorm1d(16)",
        "x = F.adaptive_avg_pool2d(self.conv(x), 1).squeeze()\nreturn self.bn(x)  # FAILS",
    ),
    bug(
        "a causal mask that is too short", "attention", "2x12x8",
        "self.attention = Attention(8)", "return self.attention(x)", before=MASKED.format(", size=8", "size"),
    ),
    bug(
        "a causal mask too short in its constructor call", "attention", "2x12x8",
        "length = 8\nself.attention = Attention(8, 8)",
        "return self.attention(x)", before=MASKED.format(", size", "size"),
    ),
    bug(
        "a causal mask made for a setting", "attention.1", "2x12x8",
        "self.attention = nn.Sequential(nn.Linear(8, 8), Attention(8))",
        "return self.attention(x)", before="class CONFIG:\n    size = 8\n\n\n" + MASKED.format("", "CONFIG.size"),
    ),
    bug(
        "a wrong size made in a loop", "net.2", "4x20",
        "sizes = [20, 16, 12, 5]\nlayers = []\nfor before, after in zip(sizes, sizes[1:]):\n"
        "    layers.append(nn.Linear(before, after))\n    layers.append(nn.ReLU())\n"
        "    layers.append(nn.BatchNorm1d(before))\nself.net = nn.Sequential(*layers)",
        "return self.net(x)  # FAILS",
    ),
    bug(
        "a shortcut taken where the channels change", "blocks.0", "1x3x16x16",
        "self.stem = nn.Conv2d(3, 8, 3, 2, 1)\n"
        "self.blocks = nn.Sequential(Inverted(8, 4, 1), Inverted(4, 6, 2), Inverted(6, 6, 1))",
        "return self.blocks(self.stem(x))", before=INVERTED,
    ),
    bug(
        "two views of moved axes", "", "2x3x8x8",
        "self.conv = nn.Conv2d(3, 4, 3, padding=1)",
        "x = self.conv(x).permute(0, 2, 3, 1)\nx = x.view(2, 32, 8)  # FAILS\n"
        "x = x.transpose(1, 2)\nreturn x.view(2, -1)",
    ),
]  # fmt: skip
