"""`nninspect check` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

COMMAND = str(Path(sys.executable).with_name("nninspect"))


def check(*arguments: str, status: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, "check", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A training checkpoint with one NaN; the optimizer's zeros are as they should be."""
    layer = nn.Linear(8, 8)
    layer.weight.data.normal_(std=0.3)[1, 2] = float("nan")
    adam = {"state": {0: {"exp_avg": torch.zeros(8, 8), "step": torch.tensor(1.0)}}, "param_groups": [{"params": [0]}]}
    torch.save({"state_dict": layer.state_dict(), "optimizer": adam}, tmp_path / "broken.pt")
    return tmp_path / "broken.pt"


def test_findings_of_a_file(broken: Path) -> None:
    document = json.loads(check(str(broken), "--json", status=1).stdout)
    (finding,) = document["findings"]
    assert (finding["rule"], finding["name"], finding["severity"]) == ("NN402", "nonfinite-weights", "error")
    assert finding["path"] == "state_dict.weight"
    assert document["not_run"] == []
    assert document["tensors"] == 2
    rules = {rule["id"]: rule for rule in document["rules"]}
    assert rules["NN402"]["name"] == "nonfinite-weights"
    assert rules["NN402"]["thresholds"] in check("--explain", "NN402", status=0).stdout
    assert "1 error" in check(str(broken), "--fail-on", "never", status=0).stdout


def test_a_file_is_checked_without_torch(broken: Path) -> None:
    code = (
        "import sys\nfrom inspector.cli.main import run\n"
        f"assert run(['check', '--json', {str(broken)!r}]) == 1\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_findings_of_a_model(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text(
        "import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))\n"
        "nn.init.normal_(model[0].weight, std=0.3)\nnn.init.constant_(model[1].weight, 0.5)\n"
    )
    document = json.loads(check(str(model), "--json", status=1).stdout)
    assert [(one["rule"], one["path"]) for one in document["findings"]] == [("NN403", "1.weight")]


def test_what_a_rule_looks_for() -> None:
    assert "65504" in check("--explain", "nn402", status=0).stdout
    assert "there is no rule" in check("--explain", "NN999", status=2).stderr
