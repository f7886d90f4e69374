"""`nninspect step` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from at_hand import called
from zoo_samples import loaded

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
SAMPLES = Path(__file__).parents[2] / "sample_models"


def step(name: str, *arguments: str, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("step", SAMPLES / name, *arguments, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_document_of_the_stops_at_breakpoints_and_of_a_change() -> None:
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = step(
        "lenet.py", "--weights", str(SAMPLES / "lenet.params"), "--input", "1x3x32x32~uniform",
        "--break", "type:Conv2d", "--break", "shape[-1] == 400", "--change", "conv2: zero", "--json",
        status=0, in_a_shell=True,
    )  # fmt: skip
    document = json.loads(found.stdout)
    stops = document["stops"]
    assert [(stop["row"]["path"], stop["row"]["type"]) for stop in stops] == [
        ("conv1", "Conv2d"), ("conv2", "Conv2d"), ("", "x.view"),
    ]  # fmt: skip
    assert [stop["breakpoint"] for stop in stops] == ["type:Conv2d", "type:Conv2d", "shape[-1] == 400"]
    assert [stop["changes"] for stop in stops] == [[], ["zero"], []]
    assert stops[1]["outputs"][0]["statistics"]["max"] == 0
    assert stops[0]["frames"][0]["source"]["text"].startswith("x = F.max_pool2d(F.relu(self.conv1(x))")
    model = loaded("lenet")
    model.conv2.register_forward_hook(lambda module, given, output: torch.zeros_like(output))
    with torch.no_grad():
        assert document["outputs"][0]["text"] == str(model(x))
    assert (document["state"], document["changes"]) == ("finished", ["conv2 (Conv2d): zero"])


def test_without_breakpoints_every_row_is_printed_once() -> None:
    lines = step("lenet.py", status=0).stdout.splitlines()
    titles = [line[6:] for line in lines if line[:4].strip().isdigit()]
    assert titles[:3] == ["after conv1 (Conv2d)", "after the model F.relu", "after the model F.max_pool2d"]
    assert titles[-1] == "after the model (LeNet)"
    assert len(titles) == 13


def test_a_forward_that_fails_is_shown_where_it_failed() -> None:
    text = step("broken/linear_does_not_fit.py", "--break", "nan", status=1).stdout
    assert "forward failed in fc (Linear): RuntimeError: mat1 and mat2" in text
    assert "return self.fc(x.flatten(1))" in text
    assert "x = 1×8×8×8 float32" in text


def test_what_does_not_read_is_refused() -> None:
    assert "did you mean fc3" in step("lenet.py", "--break", "fc9", status=2).stderr
    assert "character 7" in step("lenet.py", "--break", "fc if x > 3", status=2).stderr
    assert "write ROW: CHANGE" in step("lenet.py", "--change", "fc1 zero", status=2).stderr
    changed = step("lenet.onnx", "--change", "/conv1/Conv: = output", status=2)
    assert "an ONNX graph has no Python variables" in changed.stderr
    assert "has no model" in step("lenet.params", status=2).stderr
