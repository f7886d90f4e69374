"""`nninspect selftest`, and the formats and settings of `check`, as scripts call them."""

import json
import sys
from pathlib import Path

import pytest
from at_hand import called

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
NET = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.lin({mixed})
"""


def told(*arguments: str, status: int, folder: Path, in_a_shell: bool = False) -> str:
    done = called(*arguments, cwd=folder, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr if status == 2 else done.stdout


def test_self_tests_exit_by_what_fails(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET.format(mixed="x"))
    (tmp_path / "mixing.py").write_text(NET.format(mixed="x - x.mean(0)"))
    document = json.loads(told("selftest", "net.py", "--json", status=0, folder=tmp_path, in_a_shell=True))
    assert {test["name"]: test["outcome"] for test in document["tests"]}["dependency"] == "passed"
    assert [one["pattern"] for one in document["dependencies"]] == ["each its own"]
    assert "failed dependency" in told("selftest", "mixing.py", "--steps", "2", status=1, folder=tmp_path)


def test_a_project_chooses_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET.format(mixed="torch.log(x * 0)"))
    (tmp_path / "pyproject.toml").write_text('[tool.nninspect]\nselect = ["NN301"]\nfail-on = "never"\n')
    found = json.loads(told("check", "net.py", "--json", status=0, folder=tmp_path))
    assert [(one["rule"], one["severity"]) for one in found["findings"]] == [("NN301", "error")]
    line = told("check", "net.py", "--format", "github", "--fail-on", "error", status=1, folder=tmp_path)
    assert line.startswith("::error file=net.py,line=11,title=NN301 nonfinite-origin::")
    other = told("check", "net.py", "--select", "NN402", "--format", "sarif", status=0, folder=tmp_path)
    assert [rule["id"] for rule in json.loads(other)["runs"][0]["tool"]["driver"]["rules"]] == ["NN402"]
    (tmp_path / "pyproject.toml").write_text('[tool.nninspect]\nselect = ["E501"]\n')
    assert "there is no such rule" in told("check", "net.py", status=2, folder=tmp_path)
    both = told("check", "net.py", "--json", "--format", "sarif", "--select", "NN402", status=2, folder=tmp_path)
    assert "exclude each other" in both or "there is no such rule" in both
