"""`nninspect check` as scripts call it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from at_hand import called
from safetensors.torch import save_file
from torch import nn

COMMAND = str(Path(sys.executable).with_name("nninspect"))


def check(*arguments: str, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("check", *arguments, in_a_shell=in_a_shell)
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
    document = json.loads(check(str(broken), "--json", status=1, in_a_shell=True).stdout)
    (finding,) = document["findings"]
    assert (finding["rule"], finding["name"], finding["severity"]) == ("NN402", "nonfinite-weights", "error")
    assert finding["path"] == "state_dict.weight"
    not_run = {one["rule"]: one["why"] for one in document["not_run"]}
    assert "--weights" in not_run["NN401"]
    assert "NN402" not in not_run
    assert "NN401" in not_run
    assert not_run["NN201"] == "a file alone has no modules that could be run"
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
        "import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))\n"
        "nn.init.normal_(model[0].weight, std=0.3)\nnn.init.constant_(model[2].weight, 0.5)\n"
    )
    document = json.loads(check(str(model), "--json", status=1).stdout)
    assert [(one["rule"], one["path"]) for one in document["findings"]] == [("NN403", "2.weight")]


def test_what_a_rule_looks_for() -> None:
    assert "65504" in check("--explain", "nn402", status=0).stdout
    assert "there is no rule" in check("--explain", "NN999", status=2).stderr


def test_rules_are_chosen_by_what_their_ids_begin_with(broken: Path) -> None:
    def applied(*options: str, status: int) -> list[str]:
        return [
            rule["id"] for rule in json.loads(check(str(broken), "--json", *options, status=status).stdout)["rules"]
        ]

    assert applied("--select", "nn40", "--ignore", "NN403,NN404", status=1) == [
        "NN401", "NN402", "NN405", "NN406", "NN407",
    ]  # fmt: skip
    assert applied("--ignore", "NN40", "--select", "NN403", status=0) == ["NN403"]
    assert "there is no such rule" in check(str(broken), "--select", "E501", status=2).stderr


def findings_of(*arguments: str, status: int) -> list[tuple[str, str, str]]:
    document = json.loads(check(*arguments, "--json", status=status).stdout)
    return [(one["rule"], one["severity"], one["path"]) for one in document["findings"]]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_is_cut_off_is_not_healthy(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "cut.bin"
    state = {f"w{number}": torch.randn(500, 8) for number in range(8)}
    if legacy:
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        save_file(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert ("NN406", "error") in {found[:2] for found in findings_of(str(path), status=1)}


def test_values_that_turn_out_not_to_be_there_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"x": torch.randn(40)}, path)
    with zipfile.ZipFile(path) as archive:
        (header,) = (info.header_offset for info in archive.infolist() if info.filename.endswith("data/0"))
    data = bytearray(path.read_bytes())
    data[header : header + 4] = bytes(4)
    path.write_bytes(data)
    assert findings_of(str(path), status=1) == [("NN406", "error", "")]


def test_an_index_whose_shards_are_missing_is_an_error(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    assert ("NN406", "error", "") in findings_of(str(index), status=1)


def test_where_nothing_can_be_looked_at_it_is_not_said_that_nothing_was_found(tmp_path: Path) -> None:
    torch.save({"x": torch.empty(3, 3).to_sparse()}, tmp_path / "sparse.pt")
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    assert "none of its 1 tensor can be looked at" in check(str(tmp_path / "sparse.pt"), status=2).stderr
    assert "no tensors with values" in check(str(tmp_path / "none.pt"), status=2).stderr


class RunsAShell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_what_a_pickle_would_run_is_a_finding(tmp_path: Path) -> None:
    torch.save({"w": torch.rand(3), "x": RunsAShell()}, tmp_path / "hostile.pt")
    assert findings_of(str(tmp_path / "hostile.pt"), status=1) == [("NN407", "error", "")]


@pytest.mark.slow
def test_weights_that_do_not_fit_are_findings(tmp_path: Path) -> None:
    model, weights = tmp_path / "model.py", tmp_path / "weights.pt"
    model.write_text(
        "from torch import nn\nmodel = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))\n"
    )
    document = json.loads(check(str(model), "--json", "--select", "NN401", status=0).stdout)
    assert "--weights" in {one["rule"]: one["why"] for one in document["not_run"]}["NN401"]

    def mismatches(state: dict[str, torch.Tensor], status: int) -> list[dict[str, str]]:
        torch.save(state, weights)
        done = check(str(model), "--weights", str(weights), "--json", "--select", "NN401", status=status)
        return [one for one in json.loads(done.stdout)["findings"] if one["rule"] == "NN401"]

    whole = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)).state_dict()
    assert mismatches(whole, 0) == []
    (shape,) = mismatches({**whole, "2.weight": torch.rand(7, 16)}, 1)
    assert (shape["severity"], shape["path"]) == ("error", "2.weight")
    assert "7×16 in the file and 10×16 in the model" in shape["evidence"]
    assert shape["fix"].startswith(f"`nninspect repair {weights} --for {model}")
    (missing,) = mismatches({key: value for key, value in whole.items() if key != "2.bias"}, 1)
    assert (missing["severity"], missing["path"]) == ("error", "2.bias")
    (buffer,) = mismatches({key: value for key, value in whole.items() if key != "1.running_mean"}, 0)
    assert (buffer["severity"], buffer["path"]) == ("warning", "1.running_mean")
    (idle,) = mismatches({**whole, "2.position_ids": torch.arange(4)}, 0)
    assert idle["severity"] == "info"
    (extra,) = mismatches({**whole, "9.weight": torch.rand(3, 3)}, 1)
    assert (extra["severity"], extra["path"]) == ("error", "9.weight")
    (renamed,) = mismatches({f"module.{key}": value for key, value in whole.items()}, 0)
    assert (renamed["severity"], "module" in renamed["evidence"]) == ("info", True)
    assert "checkpoint-mismatch" in check("--explain", "NN401", status=0).stdout
