"""The change that a finding brings along: made on the live model it mends it, undone nothing is left of it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from inspector.checks.running import check_model
from inspector.core.findings import CheckSettings
from inspector.core.recipe import Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.session import Session

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
VALUES = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.scale = nn.BatchNorm2d(8)
        self.own = nn.Parameter(torch.full((6, 8), 0.5))
        self.plain = nn.Parameter(torch.ones(3))
        with torch.no_grad():
            self.plain[0] = float("nan")
            self.conv.weight[0, 0] = float("nan")
            self.norm.running_var[0] = -1
            self.scale.weight.zero_()

    def forward(self, x):
        return self.scale(self.norm(self.conv(x))).mean((2, 3)) @ self.own.t()
"""


def no_progress(*_):
    pass


def bits(model):
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return [
        (key, id(value), value.requires_grad, value.detach().clone().contiguous().view(-1).view(torch.uint8).tolist())
        for key, value in named
    ]  # fmt: skip


def findings(session, rule):
    return check_model(session.model, CheckSettings(select=[rule]), no_progress).findings


def mended(file, rule):
    """What each change was for, as far as it mended it; of findings that bring none along nothing."""
    session = Session(TorchModel.open(Recipe(target=str(file))))
    told = []
    for finding in findings(session, rule):
        if finding.edit is None:
            continue
        before = bits(session.model.module)
        session.apply(finding.edit)
        after = {(one.path, one.message, one.severity) for one in findings(session, rule)}
        assert (finding.path, finding.message, finding.severity) not in after
        session.undo()
        assert bits(session.model.module) == before
        told.append((finding.path, finding.edit.action))
    return told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("NN104_copied_not_tied", ("lm_head.weight", "tie")),
        ("NN104_replaced_after_tying", ("head.weight", "tie")),
        ("NN104_tied_by_data", ("decoder.weight", "tie")),
        ("NN106_everything_frozen", ("", "requires_grad")),
        ("NN106_frozen_in_the_middle", ("conv2", "requires_grad")),
        ("NN405_default_relu_chain", ("chain.0", "initialise")),
        ("NN405_conv_gelu", ("convs.0", "initialise")),
        ("NN503_unit_normal_head", ("head", "initialise")),
    ],
)
def test_a_change_mends_the_faulty_model(name, change):
    assert mended(CORPUS / f"{name}_faulty.py", name[:5]) == [change]


@pytest.mark.parametrize("name", ["NN104_transposed_autoencoder", "NN106_compared_not_assigned"])
def test_what_no_single_change_mends_brings_none(name):
    assert mended(CORPUS / f"{name}_faulty.py", name[:5]) == []


def test_values_are_drawn_anew_as_far_as_anything_says_how(tmp_path):
    (tmp_path / "values.py").write_text(VALUES)
    assert mended(tmp_path / "values.py", "NN402") == [
        ("conv.weight", "initialise"),
        ("norm.running_var", "initialise"),
    ]
    assert mended(tmp_path / "values.py", "NN403") == [("own", "initialise"), ("scale.weight", "initialise")]


def test_two_equal_layers_drawn_anew_differ(tmp_path):
    text = "import torch\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))\n"
    text += "for layer in net:\n    nn.init.ones_(layer.weight)\n"
    (tmp_path / "alike.py").write_text(text)
    session = Session(TorchModel.open(Recipe(target=f"{tmp_path}/alike.py:net")))
    for finding in findings(session, "NN403"):
        session.apply(finding.edit)
    first, second = session.model.module
    assert isinstance(first, nn.Linear)
    assert not torch.equal(first.weight, second.weight)
