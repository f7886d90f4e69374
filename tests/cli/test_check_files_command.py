"""`check-files`, which pre-commit calls with the files that were changed."""

import json
import re
from pathlib import Path

import pytest
import torch

from inspector.cli.main import COMMANDS, run

ROOT = Path(__file__).resolve().parents[2]
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text()


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": torch.ones(2)}, "sound.pt")
    torch.save({"w": torch.tensor([1.0, float("nan")])}, "nan.pt")
    Path("cut.pt").write_bytes(Path("sound.pt").read_bytes()[:100])
    return tmp_path


def test_every_file_is_checked_and_the_worst_decides(files, capsys):
    assert run(["check-files", "sound.pt"]) == 0
    assert run(["check-files", "nan.pt", "sound.pt"]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"nan\.pt:\n.*NN402.*\nsound\.pt:\n.*nothing found", printed, re.DOTALL)
    assert run(["check-files", "nan.pt", "missing.pt", "sound.pt"]) == 2
    told = capsys.readouterr()
    assert "NN402" in told.out
    assert "sound.pt:" in told.out
    assert "there is no file missing.pt" in told.err


@pytest.mark.slow
def test_of_python_files_every_model_is_checked_that_needs_no_arguments(files, capsys):
    Path("helpers.py").write_text("def double(x):\n    return 2 * x\n")
    Path("wide.py").write_text("from torch import nn\nclass Wide(nn.Linear): ...\n")
    made = "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(3, 2)\n"
    net = f"\nclass {{0}}(nn.Module):\n{made}"
    forward = "    def forward(self, x):\n        return self.fc(x){0}\n"
    nets = net.format("A") + forward.format("") + net.format("B") + forward.format(".view(7)")
    Path("nets.py").write_text(f"from torch import nn\n{nets}")
    assert run(["check-files", "helpers.py", "wide.py"]) == 0
    assert capsys.readouterr().err.count("passed over") == 2
    assert run(["check-files", "nets.py", "--select", "NN001"]) == 1
    assert re.search(r"nets\.py:A:\n.*nothing found.*nets\.py:B:\nerror NN001", capsys.readouterr().out, re.DOTALL)


def test_options_are_those_of_check(files, capsys):
    assert run(["check-files", "nan.pt", "--fail-on", "never"]) == 0
    assert run(["check-files", "nan.pt", "--ignore", "NN402"]) == 0
    capsys.readouterr()
    assert run(["check-files", "nan.pt", "--format", "github"]) == 1
    assert capsys.readouterr().out.startswith("::error file=nan.pt,title=NN402 nonfinite-weights::")
    assert run(["check-files", "cut.pt", "--format", "github"]) == 2
    assert capsys.readouterr().out.startswith("::error file=cut.pt,title=nninspect::cut.pt")


def test_json_is_one_document_with_that_of_check_for_each_file(files, capsys):
    assert run(["check-files", "nan.pt", "cut.pt", "sound.pt", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    nan, cut, sound = document["files"]
    assert [one["file"] for one in document["files"]] == ["nan.pt", "cut.pt", "sound.pt"]
    assert cut.keys() == {"file", "problem"}
    run(["check", "nan.pt", "--json"])
    assert {"file": "nan.pt", **json.loads(capsys.readouterr().out)} == nan
    assert sound["findings"] == []
    assert run(["check-files", "nan.pt", "--json", "--format", "text"]) == 2


def test_the_hooks_call_commands_that_there_are():
    entries = re.findall(r"entry: nninspect (\S+)", HOOKS)
    assert len(entries) == 2
    assert set(entries) <= set(COMMANDS)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a/model.safetensors", True),
        ("a.pt", True),
        ("pytorch_model-00001-of-00002.bin", True),
        ("firmware.bin", False),
        ("model.py", False),
        ("a.pt.txt", False),
    ],
)
def test_the_hook_takes_files_of_weights(name, taken):
    pattern = re.search(r"files: (\S{9,})", HOOKS)[1]
    assert bool(re.search(pattern, name)) == taken
