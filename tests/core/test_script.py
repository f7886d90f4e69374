"""The script of a journal, run in a process of its own, against the engine's edits: bit for bit."""

import ast
import subprocess
import sys

import pytest
import torch

from inspector.core.edits import Edit, Journal
from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe
from inspector.core.script import script
from inspector.engine.pytorch.editing import apply_initialise, apply_set_element
from inspector.engine.pytorch.opening import open_module
from inspector.engine.pytorch.structure import static_rows
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.tying import apply_requires_grad, apply_tie
from inspector.engine.pytorch.weights import load_weights

MODEL = """
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3).to(memory_format=torch.channels_last)
        self.up = nn.ConvTranspose2d(width, 2, 3)
        self.spread = nn.ConvTranspose2d(width * 2, 6, 3, stride=(2, 1), groups=2)
        self.spread_more = nn.Conv1d(6, 12, 3, groups=6)
        self.frozen = nn.Linear(3, 4)
        self.frozen.weight.requires_grad_(False)
        self.embed = nn.Embedding(9, 6, padding_idx=3)
        self.head = nn.Linear(6, 9)
        self.head.weight = self.embed.weight
        self.rnn = nn.LSTM(6, 5)
        self.attention = nn.MultiheadAttention(6, 2)
        self.normed = parametrizations.weight_norm(nn.Linear(4, 3))
        self.spectral = parametrizations.spectral_norm(nn.Linear(4, 3))
        self.old = weight_norm(nn.Linear(4, 3))
        self.old_spectral = spectral_norm(nn.Linear(4, 3))
        self.pruned = prune.l1_unstructured(nn.Linear(4, 3), "weight", amount=0.5)
        self.blocks = nn.Sequential()
        self.blocks.add_module("block 0", Block())
        self.blocks.add_module("block 1", Block())
        self.half = nn.Linear(4, 4).bfloat16()
        self.double = nn.Linear(4, 4).double()
        self.scale = nn.Parameter(torch.ones(2))
        self.empty = nn.Parameter(torch.ones(0, 2))
"""
JOURNAL = [
    ("initialise", "conv.weight", "dirac_", [], 0),
    ("initialise", "*", "normal_(std=0.02)", [], 1),
    ("initialise", "*weight*", "kaiming_normal_(mode=fan_out, nonlinearity=relu)", [], 2),
    ("initialise", "type:Linear", "xavier_uniform_(gain=2)", [], 3),
    ("initialise", "module:blocks.block 0", "orthogonal_", [], 4),
    ("initialise", "type:Block", "layer_default", [], 5),
    ("initialise", "module:attention", "layer_default", [], 6),
    ("initialise", "module:normed", "layer_default", [], 7),
    ("initialise", "module:old", "layer_default", [], 8),
    ("initialise", "rnn.weight*", "orthogonal_(gain=0.5)", [], 11),
    ("initialise", "spread*.weight", "xavier_normal_", [], 12),
    ("initialise", "attention.in_proj_weight", "xavier_uniform_", [], 13),
    ("initialise", "up.weight", "kaiming_normal_(nonlinearity=gelu)", [], 14),
    ("initialise", "spread.weight", "kaiming_uniform_(mode=fan_out, nonlinearity=swiglu, fan=torch)", [], 15),
    ("initialise", "frozen.*", "normal_", [], 16),
    ("initialise", "frozen.weight", "orthogonal_(fan=torch)", [], 17),
    ("initialise", "double.weight", "sparse_(sparsity=0.5)", [], 9),
    ("initialise", "half.*", "uniform_dead_zone(low=-10, high=10, dead=5)", [], 10),
    ("initialise", "half.weight", "xavier_uniform_(fan=torch)", [], 22),
    ("initialise", "half.bias", "trunc_normal_", [], 23),
    ("initialise", "conv.weight", "kaiming_uniform_(nonlinearity=gelu, fan=torch)", [], 24),
    ("initialise", "blocks.block 1.norm.num_batches_tracked", "constant_(val=7)", [], 0),
    ("set_element", "blocks.block 1.fc.weight", "-2.5", [0, 3], 0),
    ("set_element", "double.bias", "0.1", [1], 0),
    ("mode", "blocks.block 1", "train", [], 0),
    ("place", "rnn", "cpu", [], 0),
    ("requires_grad", "frozen.weight", "True", [], 0),
    ("requires_grad", "blocks.block 0", "False", [], 0),
    ("initialise", "frozen.*", "normal_", [], 18),
    ("initialise", "blocks.*", "normal_", [], 19),
    ("initialise", "blocks.block 1.fc.weight", "normal_", [], 20),
    ("tie", "blocks.block 0.fc.weight", "blocks.block 1.fc.weight", [], 0),
    ("initialise", "blocks.block 1.fc.weight", "xavier_normal_", [], 21),
]
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element:UserWarning"),
]


def edited(recipe, journal):
    model = open_module(recipe).model.eval()
    if recipe.weights:
        model.load_state_dict(torch.load(recipe.weights, weights_only=True))
    for edit in journal.done:
        if edit.action == "initialise":
            apply_initialise(model, edit, tensors_of(model), static_rows(model))
        elif edit.action == "set_element":
            apply_set_element(model, edit, tensors_of(model))
        elif edit.action in ("requires_grad", "tie"):
            (apply_tie if edit.action == "tie" else apply_requires_grad)(model, edit)
    return model.state_dict()


def run(text, folder):
    target = folder / "repeat.py"
    target.write_text(text + '\ntorch.save(model.state_dict(), "repeated.pt")\n', encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-W", "ignore", target.name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    return torch.load(folder / "repeated.pt", weights_only=True)


def same_bits(one, other):
    def raw(value):
        return value.detach().contiguous().reshape(-1).view(torch.uint8)

    assert one.keys() == other.keys()
    return [key for key in one if not torch.equal(raw(one[key]), raw(other[key]))]


@pytest.mark.slow
def test_every_kind_of_edit_is_repeated_to_the_same_bits(tmp_path, monkeypatch):
    (tmp_path / "awkward_script_net.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    recipe = Recipe(target="awkward_script_net.py", arguments="width=5", seed=3)
    journal = Journal(
        done=[Edit(action=a, where=w, argument=x, index=i, seed=s) for a, w, x, i, s in JOURNAL]  # type: ignore[arg-type]
    )
    expected = edited(recipe, journal)
    assert same_bits(run(script(recipe, journal), tmp_path), expected) == []


@pytest.mark.slow
def test_weights_are_loaded_out_of_a_wrapped_container(tmp_path, monkeypatch):
    source = "from torch import nn\nNet = lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))\n"
    (tmp_path / "factory_script_net.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    state = {
        key: torch.randn(value.shape)
        for key, value in torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)).state_dict().items()
    }
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "weights.pt"
    )
    recipe = Recipe(target="factory_script_net.py:Net", weights="weights.pt")
    repeated = run(
        script(recipe, Journal(done=[Edit(action="initialise", where="0.bias", argument="ones_")])), tmp_path
    )
    assert same_bits(repeated, {**state, "0.bias": torch.ones(2)}) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transposed", "TorchScript", "whole model"])
def test_weights_that_fit_by_a_rule_are_loaded_by_the_script_too(tmp_path, monkeypatch, kind):
    source = "from torch import nn\nNet = lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))\n"
    (tmp_path / "ruled_script_net.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    trained = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    if kind == "TorchScript":
        torch.jit.script(trained).save("weights.pt")
    elif kind == "whole model":
        torch.save({"model": trained}, "weights.pt")
    else:
        state = {f"net.{key}": value.t().contiguous() for key, value in trained.state_dict().items()}
        torch.save({**state, "net.2.weight": torch.ones(4)}, "weights.pt")
    recipe = Recipe(target="ruled_script_net.py:Net", weights=str(tmp_path / "weights.pt"))
    load = load_weights(open_module(recipe).model, str(tmp_path / "weights.pt"))
    assert load.coverage == 1
    repeated = run(script(recipe, Journal(), load=load), tmp_path)
    assert same_bits(repeated, trained.state_dict()) == []


def test_an_edit_reads_as_the_function_of_torch():
    edit = Edit(action="initialise", where="fc1.weight", argument="kaiming_normal(mode=fan_out)", seed=5)
    text = script(Recipe(target="net.py:Net"), Journal(done=[edit]))
    assert text.splitlines()[-1] == (
        'initialise("fc1.weight", 5, lambda w: nn.init.kaiming_normal_(w, mode=\'fan_out\'), effective="fan_out")'
    )


@pytest.mark.parametrize("where", ['a"b', "a\\b", "ключ", "a\nb", "block 0"])
def test_odd_names_stay_inside_their_quotes(where):
    edit = Edit(action="initialise", where=where, argument="ones_")
    text = script(Recipe(target='odd"\n.py:Net', weights='w"\n.pt'), Journal(done=[edit]))
    names = {node.value for node in ast.walk(ast.parse(text)) if hasattr(node, "value")}
    assert where in names


@pytest.mark.parametrize("target", ["model.onnx", "weights.pt"])
def test_what_is_not_python_has_no_script(target):
    with pytest.raises(RequestError, match="not Python code"):
        script(Recipe(target=target), Journal())


def test_undone_edits_are_left_out():
    journal = Journal()
    journal.record(Edit(action="initialise", where="a", argument="ones_"))
    journal.undo()
    assert "initialise(" not in script(Recipe(target="net.py:Net"), journal)
    assert script(Recipe(target="net.py:Net"), journal).endswith("model.train(False)\n")
