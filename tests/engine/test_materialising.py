"""Tensors on meta given memory and values: as their layers draw them, the same in the script, undone to the object."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe
from inspector.core.script import script
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.session import Session

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)
        self.tied = nn.Linear(4, 5)
        self.tied.weight = self.head.weight
        self.frozen = nn.Linear(5, 5).requires_grad_(False)
        self.halved = nn.Linear(5, 5).bfloat16()
        self.scale = nn.Parameter(torch.ones(5))
        self.register_buffer("steps", torch.arange(5))
        with torch.device("cpu"):
            self.here = nn.Linear(5, 5)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).mean((2, 3)))


def net():
    with torch.device("meta"):
        return Net()
"""
MATERIALISE = Edit(action="materialise", where="", argument="cpu", seed=5)


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "on_meta.py").write_text(MODEL)
    return Session(TorchModel.open(Recipe(target="on_meta.py:net")))


def registered(module):
    named = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    return [(key, id(value), value.device, value.requires_grad, value.stride()) for key, value in named]


def test_each_layer_has_the_values_that_it_draws_and_ties_flags_dtypes_and_strides_stay(session):
    module = session.model.module
    before = registered(module)
    here = module.here.weight.detach().clone()
    session.apply(MATERIALISE)
    assert {value.device.type for value in module.state_dict().values()} == {"cpu"}
    assert [(key, flag, stride) for key, _, _, flag, stride in registered(module)] == [
        (key, flag, stride) for key, _, _, flag, stride in before
    ]
    assert module.tied.weight is module.head.weight
    assert module.halved.weight.dtype == torch.bfloat16
    for layer, fan_in in ((module.conv, 27), (module.head, 4), (module.frozen, 5), (module.halved, 5)):
        bound = fan_in**-0.5
        assert float(layer.weight.abs().max()) <= bound * 1.01
        assert float(layer.weight.float().std()) > bound / 4
    assert torch.equal(module.norm.running_var, torch.ones(4))
    assert torch.equal(module.here.weight, here)
    assert module(torch.randn(2, 3, 8, 8)).isfinite().all()


def test_what_no_layer_draws_is_named_and_nan(session):
    report = session.apply(MATERIALISE)
    assert "no layer draws scale, steps: NaN" in report.message
    assert session.model.module.scale.isnan().all()
    assert torch.equal(session.model.module.steps, torch.zeros(5, dtype=torch.int64))


def test_undone_the_same_objects_are_there_and_redone_the_same_bits(session):
    module = session.model.module
    before, here = registered(module), module.here.weight.detach().clone()
    session.apply(MATERIALISE)
    made = {key: value.clone() for key, value in module.state_dict().items()}
    session.undo()
    assert registered(module) == before
    assert torch.equal(module.here.weight, here)
    session.redo()
    assert all(torch.equal(made[key].nan_to_num(), value.nan_to_num()) for key, value in module.state_dict().items())


def test_a_module_alone_is_made_with_what_it_shares(session):
    session.apply(Edit(action="materialise", where="tied", argument="cpu"))
    module = session.model.module
    assert module.head.weight is module.tied.weight
    assert not module.head.weight.is_meta
    assert module.head.bias.is_meta


def test_the_script_gives_the_same_bits(session, tmp_path):
    session.apply(MATERIALISE)
    session.apply(Edit(action="initialise", where="scale", argument="ones_()"))
    text = script(session.model.recipe, session.journal)
    (tmp_path / "repeat.py").write_text(text + '\ntorch.save(model.state_dict(), "repeated.pt")\n')
    done = subprocess.run([sys.executable, "repeat.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    state, repeated = session.model.module.state_dict(), torch.load("repeated.pt", weights_only=True)
    assert state.keys() == repeated.keys()
    assert [key for key in state if not torch.equal(state[key], repeated[key])] == []


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit(action="materialise", where="here", argument="cpu"), "here has no tensors on meta"),
        (Edit(action="materialise", where="", argument="meta"), "name another device"),
        (Edit(action="materialise", where="gone", argument="cpu"), "gone"),
        (Edit(action="materialise", where="", argument="tpu:9"), "does not exist here"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_changed(session, edit, says):
    before = registered(session.model.module)
    with pytest.raises(RequestError, match=says):
        session.apply(edit)
    assert registered(session.model.module) == before


def test_a_model_without_layers_that_draw_is_made_all_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (
        "import torch\nfrom torch import nn\nbare = nn.Module()\nbare.w = nn.Parameter(torch.ones(3, device='meta'))\n"
    )
    (tmp_path / "bare.py").write_text(text)
    session = Session(TorchModel.open(Recipe(target="bare.py:bare")))
    assert "no layer draws w" in session.apply(MATERIALISE).message
    assert isinstance(session.model.module.w, nn.Parameter)
