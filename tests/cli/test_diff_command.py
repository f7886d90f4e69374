"""`nninspect diff` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from at_hand import called

COMMAND = str(Path(sys.executable).with_name("nninspect"))
SAMPLES = Path(__file__).parents[2] / "sample_models"


def diff(*arguments: str | Path, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("diff", *arguments, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_two_files(tmp_path: Path) -> None:
    state = {"layer.weight": torch.randn(4, 3), "layer.bias": torch.zeros(4)}
    torch.save(state, tmp_path / "a.pt")
    torch.save({f"module.{key}": value + 1 for key, value in state.items()}, tmp_path / "b.pt")
    document = json.loads(diff(tmp_path / "a.pt", tmp_path / "b.pt", "--json", status=1, in_a_shell=True).stdout)
    assert (document["same"], document["only_a"], document["only_b"]) == (False, [], [])
    assert {"a": "layer.bias", "b": "module.layer.bias"} in document["renamed"]
    assert [one["max_abs"] for one in document["changed"]] == pytest.approx([1, 1])
    text = diff(tmp_path / "a.pt", tmp_path / "b.pt", status=1).stdout
    assert "layer.* → module.layer.*   (2 tensors)" in text
    assert "the same: 2 tensors" in diff(tmp_path / "a.pt", tmp_path / "a.pt", status=0).stdout


def test_files_are_compared_without_torch(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(3)}, tmp_path / "a.pt")
    code = (
        "import sys\nfrom inspector.cli.main import run\n"
        f"assert run(['diff', {str(tmp_path / 'a.pt')!r}, {str(tmp_path / 'a.pt')!r}]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_rules_guesses_and_what_was_compared_are_told(tmp_path: Path) -> None:
    state = {f"layer.{name}_proj.weight": torch.randn(4, 4) for name in "qkv"}
    fused = {"layer.in_proj_weight": torch.cat(list(state.values()))}
    torch.save({"model": state, "optimizer": {"state": {}, "param_groups": []}}, tmp_path / "a.pt")
    torch.save(fused, tmp_path / "b.pt")
    document = json.loads(diff(tmp_path / "a.pt", tmp_path / "b.pt", "--json", status=1).stdout)
    assert (document["only_a"], document["only_b"], document["changed"], document["unchanged"]) == ([], [], [], 1)
    assert [rule["kind"] for rule in document["rules"]] == ["qkv_join"]
    assert document["renamed"] == [{"a": key, "b": "layer.in_proj_weight"} for key in state]
    assert (document["ambiguous"], document["verdict"], document["container_a"]) == ([], "", "model")
    text = diff(tmp_path / "a.pt", tmp_path / "b.pt", status=1).stdout
    assert "compared model of A with the top of B" in text
    assert "qkv join" in text


def test_another_architecture_is_said_in_one_sentence(tmp_path: Path) -> None:
    torch.save({f"a.{at}.weight": torch.ones(20 + at, 30) for at in range(6)}, tmp_path / "a.pt")
    torch.save({f"b.{at}.kernel": torch.ones(9 + at, 4, 3, 3) for at in range(6)}, tmp_path / "b.pt")
    done = diff(tmp_path / "a.pt", tmp_path / "b.pt", status=1)
    assert "these are two architectures: 0 % of A's elements" in done.stdout


@pytest.mark.slow
def test_two_models_are_compared(tmp_path: Path) -> None:
    source = (SAMPLES / "lenet.py").read_text()
    (tmp_path / "wider.py").write_text(source.replace("84", "85"))
    model = SAMPLES / "lenet.py"
    document = json.loads(diff(model, tmp_path / "wider.py", "--json", status=1).stdout)
    shapes = {one["key"]: (one["shape_a"], one["shape_b"]) for one in document["changed"] if one["equal"] is None}
    assert shapes == {
        "fc2.weight": ([84, 120], [85, 120]),
        "fc2.bias": ([84], [85]),
        "fc3.weight": ([10, 84], [10, 85]),
    }


@pytest.mark.slow
def test_a_model_and_its_weights() -> None:
    model, weights = SAMPLES / "lenet.py", SAMPLES / "lenet.params"
    for a, b in ((model, weights), (weights, model)):
        assert json.loads(diff(a, b, "--json", status=0).stdout)["unchanged"] == 10


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(3)}, tmp_path / "a.pt")
    assert "there is no file" in diff(tmp_path / "a.pt", tmp_path / "none.pt", status=2).stderr
    assert "--input" in diff(tmp_path / "a.pt", tmp_path / "a.pt", "--input", "1x3", status=2).stderr
