"""A GPU that is not there is pretended where torch can, and that it cannot is said where not."""

from pathlib import Path

import pytest
import torch

from inspector.checks.running import check_model
from inspector.core.errors import RequestError
from inspector.core.findings import CheckSettings, Finding
from inspector.core.recipe import Recipe
from inspector.engine.opening import open_live
from inspector.engine.pytorch.experiments import fake_devices

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 4)

    def forward(self, x):
{body}
        return self.head(x)
"""


def errors(folder: Path, body: str, *rules: str, training: bool = False) -> list[Finding]:
    (folder / "net.py").write_text(NET.format(body=body))
    model = open_live(Recipe(target=str(folder / "net.py"), training=training))
    report = check_model(model, CheckSettings(select=[*rules]), lambda *_: None)
    return [one for one in report.findings if one.severity == "error"]


def test_a_torch_without_fake_tensors_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_devices, "_mode_class", lambda: None)
    with pytest.raises(RequestError, match="has no fake tensors"), fake_devices.pretending():
        pass


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("condition", "mode"), [("self.training", "train"), ("not self.training", "eval")])
def test_a_gpu_is_pretended_in_either_mode_and_the_mode_is_told(tmp_path, condition, mode, training):
    body = f"        if {condition}:\n            x = x + 0.1 * torch.randn(x.shape)"
    (one,) = errors(tmp_path, body, "NN801", training=training)
    assert f"a pass in {mode} mode" in one.evidence
    assert one.source is not None
    assert one.source.text == "x = x + 0.1 * torch.randn(x.shape)"
    assert "+            x = x + 0.1 * torch.randn(x.shape, device=x.device)" in one.patch
    assert errors(tmp_path, body.replace("shape)", "shape, device=x.device)"), "NN801", training=training) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="what asks for CUDA by name is refused where there is none")
@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("torch.ones(16).cuda()", "torch.ones(16).to(x.device)"),
        ('torch.ones(16).to("cuda")', "torch.ones(16).to(x.device)"),
        ('torch.ones(16, device="cuda:0")', "torch.ones(16, device=x.device)"),
        ('torch.zeros(16, device=torch.device("cuda"))', "torch.zeros(16, device=x.device)"),
    ],
)
def test_a_device_asked_for_by_name_is_told_of_by_both_rules(tmp_path, written, mended):
    findings = errors(tmp_path, f"        x = x * {written}", "NN001", "NN801")
    assert [one.rule for one in findings] == ["NN001", "NN801"]
    for one in findings:
        assert one.fix.startswith("write device=x.device")
        assert f"+        x = x * {mended}" in one.patch
    assert errors(tmp_path, f"        x = x * {mended}", "NN001", "NN801") == []


def test_a_device_that_torch_does_not_know_is_a_failure_as_any_other(tmp_path):
    findings = errors(tmp_path, '        x = x * torch.ones(16, device="nowhere")', "NN001", "NN801")
    assert [one.rule for one in findings] == ["NN001"]
