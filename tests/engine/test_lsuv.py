"""LSUV against passes by hand, made once and repeated to the same bits."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from inspector.core.edits import Edit, Journal
from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_input
from inspector.core.script import script
from inspector.engine.opening import open_live
from inspector.engine.session import Session

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Linear(16, 5)
        self.hidden = nn.Linear(8, 16)
        self.unused = nn.Linear(4, 4)
        self.embed = nn.Embedding(4, 16)

    def forward(self, x):
        x = torch.tanh(self.conv(x)).mean((2, 3))
        return self.last(torch.relu(self.hidden(x)))
"""
EDIT = Edit(action="initialise", where="module:", argument="lsuv(tolerance=0.02)", seed=7)


def quiet(*_):
    pass


@pytest.fixture
def session(tmp_path, monkeypatch):
    (tmp_path / "lsuv_net.py").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    opened = Session(open_live(Recipe(target="lsuv_net.py")))
    opened.model.trace([parse_input("4x3x8x8")], quiet)
    return opened


def outputs(model):
    torch.manual_seed(1)
    seen = {}
    for name in ("conv", "hidden", "last"):
        getattr(model, name).register_forward_hook(lambda _m, _a, out, name=name: seen.update({name: float(out.std())}))
    with torch.no_grad():
        model(torch.randn(256, 3, 8, 8))
    return seen


def test_every_layer_reached_puts_out_the_deviation_asked_for(session):
    report = session.apply(EDIT, quiet)
    assert outputs(session.model.module) == pytest.approx({"conv": 1, "hidden": 1, "last": 1}, abs=0.2)
    assert sorted(report.edit.scales) == ["conv.weight", "hidden.weight", "last.weight"]
    assert report.keys == ["conv.weight", "last.weight", "hidden.weight"]
    assert "measured none" in report.message


def test_weights_stay_orthogonal_up_to_the_factor(session):
    factor = session.apply(EDIT, quiet).edit.scales["hidden.weight"]
    weight = session.model.module.hidden.weight.detach()
    torch.testing.assert_close(weight.t() @ weight, factor**2 * torch.eye(8), atol=1e-4, rtol=0)


def test_undo_gives_every_bit_back_and_redo_measures_nothing_again(session, monkeypatch):
    before = {key: value.clone() for key, value in session.model.module.state_dict().items()}
    session.apply(EDIT, quiet)
    after = {key: value.clone() for key, value in session.model.module.state_dict().items()}
    session.undo()
    state = session.model.module.state_dict()
    assert all(torch.equal(state[key], value) for key, value in before.items())
    monkeypatch.setattr(session.model, "subject", None)
    session.redo()
    state = session.model.module.state_dict()
    assert all(torch.equal(state[key], value) for key, value in after.items())


def test_the_preview_shows_the_scaled_values_and_changes_nothing(session):
    before = {key: value.clone() for key, value in session.model.module.state_dict().items()}
    preview = session.model.preview(EDIT, quiet)
    state = session.model.module.state_dict()
    assert all(torch.equal(state[key], value) for key, value in before.items())
    made = session.apply(EDIT, quiet).edit.scales
    assert {target.key for target in preview.targets} == set(made)
    for target in preview.targets:
        assert f"times {made[target.key]:.5g}, as measured" in target.explanation
        assert target.scale_after.output_std == pytest.approx(1, abs=0.05)


def test_a_normalised_weight_keeps_the_factor_one(tmp_path):
    source = "from torch import nn\nfrom torch.nn.utils.parametrizations import spectral_norm\n"
    (tmp_path / "spectral_net.py").write_text(f"{source}net = nn.Sequential(spectral_norm(nn.Linear(6, 4)))\n")
    live = open_live(Recipe(target=str(tmp_path / "spectral_net.py")))
    assert list(live.settled(EDIT, quiet).scales.values()) == [1.0]


def test_a_model_that_fails_is_refused_with_the_reason(tmp_path):
    (tmp_path / "failing_net.py").write_text(
        "from torch import nn\nnet = nn.Sequential(nn.Linear(6, 4), nn.Linear(5, 2))\n"
    )
    live = open_live(Recipe(target=str(tmp_path / "failing_net.py"), inputs=[parse_input("2x6")]))
    with pytest.raises(RequestError, match="the pass fails"):
        live.settled(EDIT, quiet)


@pytest.mark.slow
def test_the_script_repeats_it_to_the_same_bits(session, tmp_path):
    session.apply(EDIT, quiet)
    text = script(Recipe(target="lsuv_net.py"), Journal(done=session.journal.done))
    (tmp_path / "repeat.py").write_text(text + '\ntorch.save(model.state_dict(), "repeated.pt")\n', encoding="utf-8")
    subprocess.run([sys.executable, "repeat.py"], cwd=tmp_path, check=True, timeout=120)
    repeated = torch.load(tmp_path / "repeated.pt", weights_only=True)
    state = session.model.module.state_dict()
    assert isinstance(session.model.module, nn.Module)
    touched = ["conv.weight", "hidden.weight", "last.weight"]
    assert all(torch.equal(state[key], repeated[key]) for key in touched)
    assert repeated.keys() == state.keys()
