"""`nninspect repair` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from at_hand import called
from safetensors.torch import load_file

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
SAMPLES = Path(__file__).parents[2] / "sample_models"
LENET = str(SAMPLES / "lenet.py")


def repair(*arguments: str | Path, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("repair", *arguments, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def wrapped(tmp_path: Path) -> Path:
    state = torch.load(SAMPLES / "lenet.params", weights_only=True)
    torch.save({"net": {f"module.{key}": value for key, value in state.items()}, "epoch": 1}, tmp_path / "w.ckpt")
    return tmp_path / "w.ckpt"


def test_a_mended_file(wrapped: Path, tmp_path: Path) -> None:
    out = tmp_path / "mended.safetensors"
    document = json.loads(repair(wrapped, "--for", LENET, "-o", out, "--json", status=0, in_a_shell=True).stdout)
    assert (document["loads"], document["coverage"], document["written"]) == (True, 1.0, str(out))
    assert {(rule["kind"], rule["from"], rule["to"]) for rule in document["rules"]} == {
        ("container", "net", ""), ("drop_wrapper", "module.", ""),
    }  # fmt: skip
    assert load_file(out).keys() == torch.load(SAMPLES / "lenet.params", weights_only=True).keys()
    assert "exists" in repair(wrapped, "--for", LENET, "-o", out, status=2).stderr


def test_nothing_is_written_in_a_dry_run(wrapped: Path, tmp_path: Path) -> None:
    text = repair(wrapped, "--for", LENET, "-o", tmp_path / "out.pt", "--dry-run", status=0).stdout
    assert "drop wrapper: module. → (nothing)" in text
    assert "key.removeprefix('module.')" in text
    assert not (tmp_path / "out.pt").exists()


def test_what_does_not_fit_and_what_cannot_be_asked(wrapped: Path, tmp_path: Path) -> None:
    assert "this is not this model" in repair(wrapped, "--for", SAMPLES / "mlp.py", status=1).stdout
    assert "never written over" in repair(wrapped, "--for", LENET, "-o", wrapped, "--overwrite", status=2).stderr
    assert "name a model after --for" in repair(wrapped, "--for", wrapped, status=2).stderr
    assert "no rule" in repair(wrapped, "--for", LENET, "--allow", "magic", status=2).stderr
