"""Rules about a model's structure: patches mend, what is meant is no fault, and nothing is left changed."""

import copy
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from inspector.checks.running import check_model
from inspector.core.findings import CheckReport, CheckSettings, Finding
from inspector.core.recipe import InputSpec, Recipe, parse_each
from inspector.engine.opening import open_live
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

CORPUS = Path(__file__).parents[1] / "corpus"
RULES = ["NN0", "NN1"]


def reported(module: nn.Module, *shape: int, rules: list[str] = RULES) -> CheckReport:
    live = TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))
    return check_model(live, CheckSettings(select=rules, inputs=[InputSpec(shape=list(shape))]), lambda *_: None)


def findings(module: nn.Module, *shape: int) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in reported(module, *shape).findings]


MENDED_BY_PATCH = {
    "NN001_hidden_size": "2x7:int64~range(0,500)",
    "NN101_list_of_layers": "2x20", "NN101_dict_of_heads": "2x32", "NN101_list_filled_by_append": "2x3x8x8",
    "NN101_raw_tensor": "2x10", "NN101_parameter_times_number": "2x16x12", "NN101_list_of_parameters": "2x8",
    "NN101_positional_encoding": "2x7:int64~range(0,100)",
    "NN103_detach_between": "2x10", "NN103_data": "2x5x6",
    "NN106_misspelt_on_parameters": "2x12", "NN106_set_on_the_module": "2x3x8x8", "NN106_compared_not_assigned": "2x14",
    "NN106_keras_trainable": "2x20", "NN106_method_overwritten": "2x7:int64~range(0,40)",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("stem", MENDED_BY_PATCH)
def test_the_patch_mends_the_file(stem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(CORPUS / f"{stem}_faulty.py", "model.py")
    rule = stem.partition("_")[0]

    def found() -> list[Finding]:
        recipe = Recipe(target=str(tmp_path / "model.py"), inputs=list(parse_each([MENDED_BY_PATCH[stem]])))
        report = check_model(open_live(recipe), CheckSettings(select=[rule]), lambda *_: None)
        return [one for one in report.findings if one.severity != "info"]

    (finding,) = found()
    assert finding.patch
    patch = ["patch", "-p0", "--quiet"] if shutil.which("patch") else ["git", "apply", "-p0"]
    subprocess.run(patch, input=finding.patch, text=True, check=True)
    assert found() == []


class Everything(nn.Module):
    """Statistics, random numbers, a counter, a frozen layer and a list: all that a pass could change."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(6, 6)
        self.frozen = nn.Linear(6, 3).requires_grad_(False)
        self.hidden = [nn.Linear(6, 6)]
        self.seen = []

    def forward(self, x):
        self.seen.append(len(x))
        x = x + random.random() + float(np.random.rand())
        return self.frozen(self.drop(self.fc(self.norm(self.hidden[0](x)))))


def test_a_check_leaves_the_model_as_it_was() -> None:
    model = Everything().eval()
    model.drop.train()
    model.fc.weight.grad = torch.ones(6, 6)
    before = copy.deepcopy(model.state_dict())
    held = [tensor.clone() for tensor in model.hidden[0].parameters()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    live = TorchModel(Recipe(target="net.py"), Opened(model, "Net", lambda seed: copy.deepcopy(model)))
    report = check_model(live, CheckSettings(select=RULES, inputs=[InputSpec(shape=[3, 6])]), lambda *_: None)
    assert {one.rule for one in report.findings} >= {"NN101"}
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(torch.equal(now, then) for now, then in zip(model.hidden[0].parameters(), held, strict=True))
    assert [module.training for module in model.modules()] == [False, False, True, False, False]
    assert torch.equal(model.fc.weight.grad, torch.ones(6, 6))
    assert all(each.grad is None for each in [model.fc.bias, *model.norm.parameters(), *model.hidden[0].parameters()])
    assert [each.requires_grad for each in model.frozen.parameters()] == [False, False]
    assert model.seen == []
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()


class StraightThrough(torch.autograd.Function):
    """Rounds, and hands gradients on as they are."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x) / 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Around(nn.Module):
    """Something between two layers."""

    def __init__(self, between, width=8):
        super().__init__()
        self.first = nn.Linear(8, width)
        self.last = nn.Linear(8, 2)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


@pytest.mark.parametrize(
    "between",
    [
        lambda h: h + (h.round() - h).detach(),
        StraightThrough.apply,
        lambda h: h * (h > 0),
        lambda h: h / h.detach().norm(),
        lambda h: h.where(h > 0, torch.zeros(())),
        lambda h: h.sort(1).values,
        lambda h: h.topk(8, 1)[0],
        lambda h: h * float(h.max().item() > 0),
    ],
    ids=["straight through", "own backward", "mask", "own norm", "where", "sort", "topk", "number beside"],
)
def test_a_cut_beside_another_way_is_none(between) -> None:
    assert findings(Around(between), 4, 8) == []


def test_a_branch_that_is_cut_on_purpose_is_a_warning() -> None:
    class Target(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.target = nn.Linear(8, 4), nn.Linear(8, 4)

        def forward(self, x):
            with torch.no_grad():
                goal = self.target(x)
            return self.online(x), goal

    assert findings(Target(), 4, 8) == [("NN103", "warning")]
    frozen = Target()
    frozen.target.requires_grad_(False)
    assert [one for one in findings(frozen, 4, 8) if one[1] != "info"] == []


def test_what_is_used_in_train_mode_only_is_used() -> None:
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head, self.extra = nn.Linear(8, 8), nn.Linear(8, 2), nn.Linear(8, 2)

        def forward(self, x):
            h = self.body(x).tanh()
            return (self.head(h), self.extra(h)) if self.training else self.head(h)

    assert findings(Auxiliary(), 4, 8) == []


def test_a_choice_among_experts_an_optional_input_and_another_method_are_no_faults() -> None:
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(40))
            self.gate = nn.Linear(8, 40)
            self.condition = nn.Linear(5, 8)
            self.decoder = nn.Linear(8, 3)

        def forward(self, x, extra=None):
            weights = self.gate(x.mean(0)).softmax(0)
            chosen = weights.argmax()
            x = self.experts[chosen](x) * weights[chosen]
            if extra is not None:
                x = x + self.condition(extra)
            return x

        def decode(self, x):
            return self.decoder(x)

    told = reported(Experts(), 4, 8, rules=["NN102"]).findings
    assert {one.severity for one in told} == {"info"}
    assert {"condition", "decoder"} < {one.path for one in told}


def test_a_frozen_teacher_out_of_sight_is_information() -> None:
    class Distilled(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = nn.Linear(8, 3)
            self._teacher = [nn.Linear(8, 3).requires_grad_(False)]

        def forward(self, x):
            return self.student(x) - self._teacher[0](x)

    assert findings(Distilled(), 4, 8) == [("NN101", "info")]


def test_ties_that_hold_and_activations_that_are_shared_are_no_faults() -> None:
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode, self.act = nn.Linear(8, 8), nn.Linear(8, 8), nn.ReLU()
            self.decode.weight = self.encode.weight
            self.acts = nn.ModuleList([self.act] * 3)

        def forward(self, x):
            return self.decode(self.acts[0](self.encode(x)))

    assert findings(Tied(), 4, 8) == []
    assert findings(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), 4, 5, 8) == [
        ("NN104", "info")
    ]


def test_a_file_with_two_values_for_what_the_model_ties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(CORPUS / "NN104_copied_not_tied_mended.py", "model.py")
    recipe = Recipe(target="model.py", weights=str(tmp_path / "w.pt"))
    state = open_live(Recipe(target="model.py")).module.state_dict()  # type: ignore[attr-defined]
    for name, other, rules in (("tied", 0.0, []), ("untied", 1.0, ["NN104"])):
        torch.save({**state, "lm_head.weight": state["lm_head.weight"] + other}, "w.pt")
        report = check_model(open_live(recipe), CheckSettings(select=["NN104"]), lambda *_: None)
        assert [one.rule for one in report.findings] == rules, name
        assert all(one.severity == "error" and "differ by up to 1" in one.evidence for one in report.findings)


def test_a_frozen_share_is_information_and_nothing_to_train_an_error_in_train_mode() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    model[0].requires_grad_(False)
    assert findings(model, 4, 8) == [("NN106", "info")]
    model.requires_grad_(False)
    assert findings(model, 4, 8) == [("NN106", "warning")]


def test_lazy_layers_are_looked_at_with_the_shapes_that_a_pass_gives_them() -> None:
    assert (
        findings(nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)), 2, 3, 8, 8)
        == []
    )


def test_a_failing_pass_is_told_once_and_the_other_rules_say_why_they_were_not_applied() -> None:
    report = reported(nn.Sequential(nn.Linear(8, 6), nn.Linear(5, 2)), 4, 8)
    assert [(one.rule, one.severity) for one in report.findings] == [("NN001", "error")]
    assert "operands" in report.findings[0].evidence
    assert all("NN001" in one.why for one in report.not_run)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_torchvision_models_have_no_such_faults(name: str) -> None:
    recipe = Recipe(target=f"torchvision.models:{name}", inputs=[InputSpec(shape=[1, 3, 64, 64])])
    report = check_model(open_live(recipe), CheckSettings(select=RULES), lambda *_: None)
    assert [one for one in report.findings if one.severity != "info"] == []
