"""What follows a layer, as its recorded pass saw it."""

import pytest

from inspector.core.edits import Edit
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.opening import open_live

NET = """
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.normed, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.module, self.act = nn.Conv2d(8, 8, 3), nn.GELU()
        self.dropped, self.drop = nn.Linear(8, 16), nn.Dropout()
        self.gated = nn.Linear(16, 16)
        self.soft = nn.Linear(16, 16)
        self.last = nn.Linear(16, 4)

    def forward(self, x):
        x = self.norm(self.normed(x)).relu()
        x = self.act(self.module(x)).mean((2, 3))
        x = F.leaky_relu(self.drop(self.dropped(x)), 0.2)
        x = F.silu(self.gated(x)) * x
        return self.last(self.soft(x).softmax(-1))
"""
FOLLOWS = {
    "normed.weight": "BatchNorm2d, which sets the scale itself",
    "module.weight": "GELU → nonlinearity=gelu, gain 1.468",
    "dropped.weight": "F.leaky_relu → nonlinearity=leaky_relu, gain 1.414",
    "gated.weight": "F.silu → nonlinearity=silu, gain 1.559",
    "soft.weight": "x.softmax, for which no gain is known",
    "last.weight": None,
}


@pytest.fixture
def live(tmp_path):
    (tmp_path / "followed_net.py").write_text(NET, encoding="utf-8")
    return open_live(Recipe(target=str(tmp_path / "followed_net.py")))


def seen(live):
    preview = live.preview(Edit(action="initialise", where="*.weight", argument="kaiming_normal_"))
    return {target.key: target.follows for target in preview.targets}


def test_the_preview_names_what_follows_and_its_gain(live):
    live.trace([parse_input("2x3x9x9")], lambda *_: None)
    assert seen(live) == FOLLOWS


def test_without_a_pass_nothing_is_said(live):
    assert set(seen(live).values()) == {None}
