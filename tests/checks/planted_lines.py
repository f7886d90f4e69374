"""Small networks with one planted crash or gradient cut each; the line to blame ends in ``# guilty``."""

from dataclasses import dataclass

HEAD = """import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


"""


@dataclass(frozen=True)
class Planted:
    """A network, where it goes wrong, and what it is called with."""

    name: str
    path: str
    source: str
    inputs: tuple[str, ...]

    @property
    def line(self) -> int:
        """The number of the line to blame."""
        return next(at for at, text in enumerate(self.source.splitlines(), start=1) if text.endswith("# guilty"))


def planted(name: str, path: str, inputs: str, code: str) -> Planted:
    """A file that begins with the usual imports."""
    return Planted(name, path, HEAD + code.strip("\n") + "\n", tuple(inputs.split()))


def net(init: str, forward: str, before: str = "") -> str:
    """The code of a class ``Net`` with these lines in its constructor and its forward."""
    lines = [f"        {line}" for line in init.strip("\n").splitlines()]
    body = [f"        {line}" for line in forward.strip("\n").splitlines()]
    top = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()", *lines, ""]
    return before + "\n".join([*top, "    def forward(self, x):", *body])


BLOCK = """class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, stride=2, padding=1)

    def forward(self, x):
        y = self.conv1(x)
        y = F.relu(self.conv2(y))
        return F.relu(y{0})  # {1}


"""

CRASHES = [
    planted("helper function", "", "2x8", net(
        "self.a = nn.Linear(8, 6)\nself.b = nn.Linear(8, 6)",
        "return mixed(self.a(x), self.b(x))",
        "def mixed(p, q):\n    p = p.relu()\n    return p @ q  # guilty\n\n\n",
    )),
    planted("layer of a Sequential", "layers.2", "2x8", net(
        "self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(12, 4))",
        "return self.layers(x)  # guilty",
    )),
    planted("layer of a ModuleList in a loop", "layers.2", "2x8", net(
        "self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 9), nn.Linear(8, 8)])",
        "for layer in self.layers:\n    x = layer(x)  # guilty\nreturn x",
    )),
    planted("residual in a nested block", "stages.1.0", "2x3x8x8", net(
        "self.stages = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1)), nn.Sequential(Block(4, 4)))",
        "return self.stages(x)",
        BLOCK.format(" + x", "guilty"),
    )),
    planted("lambda", "", "2x8", net(
        "self.fc = nn.Linear(8, 5)\nself.act = lambda t: t.view(2, 2, -1)  # guilty",
        "return self.act(self.fc(x))",
    )),
    planted("flattened size", "fc", "2x1x28x28", net(
        "self.conv = nn.Conv2d(1, 4, 5)\nself.fc = nn.Linear(400, 10)",
        "x = F.max_pool2d(self.conv(x), 2)\nx = x.flatten(1)\nreturn self.fc(x)  # guilty",
    )),
    planted("channels", "b.conv", "2x3x8x8", net(
        "self.a = Unit(3, 8)\nself.b = Unit(4, 8)",
        "return self.b(self.a(x))",
        "class Unit(nn.Module):\n    def __init__(self, i, o):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(i, o, 3, padding=1)\n\n"
        "    def forward(self, x):\n        return torch.relu(self.conv(x))  # guilty\n\n\n",
    )),
    planted("kernel larger than the map", "down.3", "2x3x8x8", net(
        "self.down = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3))",
        "return self.down(x)  # guilty",
    )),
    planted("view of what is not contiguous", "", "2x4x6", net(
        "self.fc = nn.Linear(6, 6)",
        "x = self.fc(x).transpose(1, 2)\nreturn x.view(len(x), -1)  # guilty",
    )),
    planted("cat of other sizes", "", "2x3x9x9", net(
        "self.down = nn.Conv2d(3, 3, 3, 2, 1)\nself.up = nn.Upsample(scale_factor=2)",
        "y = self.up(self.down(x))\nreturn torch.cat([x, y], 1)  # guilty",
    )),
    planted("stack in a comprehension", "", "2x6", net(
        "self.heads = nn.ModuleList(nn.Linear(6, k) for k in (3, 3, 4))",
        "parts = [head(x) for head in self.heads]\nreturn torch.stack(parts, 1)  # guilty",
    )),
    planted("index out of a table", "embed", "2x5:int64~range(30,40)", net(
        "self.embed = nn.Embedding(20, 8)\nself.fc = nn.Linear(8, 2)",
        "e = self.embed(x)  # guilty\nreturn self.fc(e)",
    )),
    planted("floats as indices", "embed", "2x5", net(
        "self.embed = nn.Embedding(20, 8)",
        "h = self.embed(x)  # guilty\nreturn h.sum(1)",
    )),
    planted("two dtypes", "head", "2x8", net(
        "self.body = nn.Linear(8, 8)\nself.head = nn.Linear(8, 2).double()",
        "h = self.body(x)\nreturn self.head(h)  # guilty",
    )),
    planted("recurrent width", "rnn", "2x5x6", net(
        "self.embed = nn.Linear(6, 10)\nself.rnn = nn.GRU(12, 8, batch_first=True)",
        "h = self.embed(x)\nout, _ = self.rnn(h)  # guilty\nreturn out",
    )),
    planted("attention heads", "", "2x5x10", net(
        "self.qkv = nn.Linear(10, 30)",
        "b, t, c = x.shape\nq = self.qkv(x)[..., :c]\nq = q.reshape(b, t, 4, c // 4)  # guilty\nreturn q",
    )),
    planted("normalised shape", "blocks.0.norm", "2x5x12", net(
        "self.blocks = nn.ModuleList([Mixer(12)])",
        "for block in self.blocks:\n    x = block(x)\nreturn x",
        "class Mixer(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n"
        "        self.norm = nn.LayerNorm(c)\n        self.fc = nn.Linear(5, 5)\n\n"
        "    def forward(self, x):\n        y = self.fc(x.transpose(1, 2))\n"
        "        return self.norm(y) + x  # guilty\n\n\n",
    )),
    planted("wrong number of values", "", "2x8", net(
        "self.fc = nn.Linear(8, 6)",
        "h = self.fc(x)\na, b = h.chunk(3, 1)  # guilty\nreturn a + b",
    )),
    planted("attribute that is missing", "", "2x8", net(
        "self.fc = nn.Linear(8, 6)\nself.dropout = nn.Dropout(0.1)",
        "x = self.fc(x)\nreturn self.drop(x)  # guilty",
    )),
    planted("axis that is not there", "pool", "2x8", net(
        "self.fc = nn.Linear(8, 6)\nself.pool = Pool()",
        "return self.pool(self.fc(x))",
        "class Pool(nn.Module):\n    def forward(self, x):\n        return x.mean(dim=(2, 3))  # guilty\n\n\n",
    )),
    planted("method of a base class", "", "2x3x8x8", net(
        "self.conv = nn.Conv2d(3, 4, 3)\nself.scale = nn.Parameter(torch.ones(1, 8, 1, 1))",
        "return self.scaled(self.conv(x))\n",
        "class Scaling(nn.Module):\n    def scaled(self, maps):\n        return maps * self.scale  # guilty\n\n\n",
    ).replace("Net(nn.Module)", "Net(Scaling)")),
    planted("None from a helper", "", "2x8", net(
        "self.fc = nn.Linear(8, 6)",
        "h = helper(self.fc(x))\nreturn h * 2  # guilty",
        "def helper(x):\n    x.relu()\n\n\n",
    )),
]  # fmt: skip

CUTS = [
    planted("detach in a helper", "encoder", "3x8", net(
        "self.encoder = Encoder()\nself.head = nn.Linear(8, 2)",
        "return self.head(self.encoder(x))",
        "def features(layer, x):\n    return torch.relu(layer(x)).detach()  # guilty\n\n\n"
        "class Encoder(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(8, 8)\n\n    def forward(self, x):\n        return features(self.fc, x)\n\n\n",
    )),
    planted("data in a loop", "", "3x8", net(
        "self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))\nself.out = nn.Linear(8, 1)",
        "for layer in self.layers:\n    x = torch.tanh(layer(x)).data  # guilty\nreturn self.out(x)",
    )),
    planted("no_grad around a submodule", "", "3x8", net(
        "self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))\nself.out = nn.Linear(8, 1)",
        "with torch.no_grad():  # guilty\n    h = x * 2\n    h = self.body(h)\nreturn self.out(h)",
    )),
    planted("no_grad as a decorator", "attention", "3x8", net(
        "self.value = nn.Linear(8, 8)\nself.attention = Attention()",
        "return self.value(x) * self.attention(x)",
        "class Attention(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.score = nn.Linear(8, 8)\n\n    @torch.no_grad()  # guilty\n"
        "    def forward(self, x):\n        return self.score(x).softmax(-1)\n\n\n",
    )),
    planted("inference_mode in a helper", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)",
        "return self.out(frozen(self.fc, x).clone())",
        "def frozen(layer, x):\n    with torch.inference_mode():  # guilty\n        return layer(x)\n\n\n",
    )),
    planted("set_grad_enabled", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)",
        "torch.set_grad_enabled(False)  # guilty\nh = self.fc(x)\ntorch.set_grad_enabled(True)\nreturn self.out(h)",
    )),
    planted("item", "scale", "3x8", net(
        "self.scale = Scale()\nself.fc = nn.Linear(8, 2)",
        "return self.fc(self.scale(x))",
        "class Scale(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.log_scale = nn.Parameter(torch.zeros(1))\n\n    def forward(self, x):\n"
        "        factor = self.log_scale.exp().item()  # guilty\n        return x * factor\n\n\n",
    )),
    planted("torch.tensor of tensors", "", "3x8", net(
        "self.fc = nn.Linear(8, 1)\nself.out = nn.Linear(1, 2)",
        "scores = [self.fc(row).squeeze() for row in x]\n"
        "h = torch.tensor(scores).unsqueeze(1)  # guilty\nreturn self.out(h)",
    )),
    planted("torch.tensor of a tensor", "", "3x8", net(
        "self.fc = nn.Linear(8, 4)\nself.out = nn.Linear(4, 2)",
        "h = self.fc(x)\nh = torch.tensor(h)  # guilty\nreturn self.out(h)",
    )),
    planted("numpy and back", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)",
        "h = median_filtered(self.fc(x))\nreturn self.out(h)",
        "def median_filtered(x):\n    values = x.detach().numpy()  # guilty\n"
        "    return torch.from_numpy(np.sort(values, axis=1))\n\n\n",
    )),
    planted("argmax", "router", "3x8", net(
        "self.router = Router()\nself.experts = nn.Parameter(torch.randn(4, 8))",
        "return self.experts[self.router(x)] * x",
        "class Router(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.gate = nn.Linear(8, 4)\n\n    def forward(self, x):\n"
        "        logits = self.gate(x)\n        return logits.argmax(dim=-1)  # guilty\n\n\n",
    )),
    planted("round", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)",
        "code = torch.sigmoid(self.fc(x))\ncode = (code * 7).round() / 7  # guilty\nreturn self.out(code)",
    )),
    planted("sign in a lambda", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)\nself.act = lambda h: torch.sign(h)  # guilty",
        "return self.out(self.act(self.fc(x)))",
    )),
    planted("comparison", "", "3x8", net(
        "self.threshold = nn.Parameter(torch.zeros(8))\nself.out = nn.Linear(8, 2)",
        "mask = x > self.threshold  # guilty\nreturn self.out(x * mask)",
    )),
    planted("cast to whole numbers", "", "3x8", net(
        "self.fc = nn.Linear(8, 1)\nself.table = nn.Embedding(10, 4)",
        "place = (self.fc(x).sigmoid() * 9).squeeze(1)\nreturn self.table(place.to(torch.int64))  # guilty",
    )),
    planted("frozen in forward", "", "3x8", net(
        "self.fc = nn.Linear(8, 8)\nself.out = nn.Linear(8, 2)",
        "for parameter in self.fc.parameters():\n    parameter.requires_grad_(False)  # guilty\n"
        "return self.out(self.fc(x).relu())",
    )),
    planted("weight detached", "", "3x8", net(
        "self.weight = nn.Parameter(torch.randn(4, 8))\nself.out = nn.Linear(4, 2)",
        "h = F.linear(x, self.weight.detach())  # guilty\nreturn self.out(h)",
    )),
]  # fmt: skip
