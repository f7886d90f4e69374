"""`nninspect place`, `forward --device-map` and `summary --memory --on` as scripts call them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from at_hand import called

pytest.importorskip("accelerate")
pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
SAMPLES = Path(__file__).parents[2] / "sample_models"


def run(*arguments: str, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called(*arguments, cwd=SAMPLES, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_plan_as_a_document() -> None:
    devices = "cuda:0=230KiB,cpu=1GiB"
    document = json.loads(run("place", "lenet.py", "--devices", devices, "--json", status=0, in_a_shell=True).stdout)
    assert document["fits"]
    assert set(document["device_map"].values()) == {"cuda:0", "cpu"}
    first, second = document["devices"]
    assert (first["name"], first["budget"]) == ("cuda:0", 230 * 1024)
    summary = json.loads(run("summary", "lenet.py", "--json", status=0).stdout)
    assert first["bytes"] + second["bytes"] == summary["totals"]["parameter_bytes"]
    assert [(row["path"], row["type"]) for row in document["rows"]] == [
        (row["path"], row["type"]) for row in summary["rows"]
    ]
    # What is kept on the CPU is brought to the GPU: no input has to cross.
    assert document["crossing_bytes"] == 0
    assert document["loading_bytes"] == second["bytes"]


def test_a_plan_as_text_and_one_without_room() -> None:
    text = run("place", "lenet.py", "--devices", "cuda:0=230KiB,cuda:1=1MiB", status=0).stdout
    assert "cuda:1: " in text
    assert "not on this machine" in text
    crossing = next(line for line in text.splitlines() if line.startswith("cross devices in a pass"))
    assert not crossing.endswith(" 0 B")
    assert "does not fit" in run("place", "lenet.py", "--devices", "cpu=1KiB", status=1).stdout


def test_refusals_are_sentences() -> None:
    assert "is no device" in run("place", "lenet.py", "--devices", "gpu=1GiB", status=2).stderr
    assert "runs in one piece" in run("place", "lenet.onnx", "--devices", "cpu", status=2).stderr
    assert "no module is of that class" in run("place", "lenet.py", "--no-split", "Blok", status=2).stderr
    assert "add --device-map" in run("forward", "lenet.py", "--offload", "x", status=2).stderr
    assert "a file of tensors" in run("place", "group_norm.safetensors", status=2).stderr


def test_a_forward_from_the_disk_is_the_ordinary_one(tmp_path: Path) -> None:
    weights = ("lenet.py", "--weights", "lenet.params")
    plain = json.loads(run("forward", *weights, "--json", status=0).stdout)
    placing = ("--device-map", "cpu=50KiB,disk", "--offload", str(tmp_path))
    placed = json.loads(run("forward", *weights, *placing, "--json", status=0).stdout)
    assert placed["outputs"] == plain["outputs"]
    assert [row["statistics"] for row in placed["rows"]] == [row["statistics"] for row in plain["rows"]]
    assert placed["placement"]["device_map"]
    assert placed["rows"][1]["placement"]["devices"]
    assert not list(tmp_path.iterdir())


def test_whether_it_fits_on_a_device() -> None:
    text = run("summary", "lenet.py", "--memory", "--on", "cpu", status=0).stdout
    assert "inference fits" in text
    much = run("summary", "lenet.py", "--memory", "--batch", "1000000000", "--on", "cpu", "--json", status=1).stdout
    told = json.loads(much)["memory"]["devices"][0]
    assert told["device"] == "cpu"
    assert told["inference_left"] < 0
    assert "does not exist here" in run("summary", "lenet.py", "--memory", "--on", "cuda:9", status=2).stderr
    assert "add --memory" in run("summary", "lenet.py", "--on", "cpu", status=2).stderr
