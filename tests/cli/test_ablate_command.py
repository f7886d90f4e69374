"""`nninspect ablate` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from at_hand import called

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
SAMPLES = Path(__file__).parents[2] / "sample_models"


def ablate(*arguments: str, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("ablate", *arguments, cwd=SAMPLES, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_document_ranks_the_rows() -> None:
    document = json.loads(ablate("lenet.py", "--weights", "lenet.params", "--json", status=0, in_a_shell=True).stdout)
    rows = document["rows"]
    assert {row["path"] for row in rows} == {"conv1", "conv2", "fc1", "fc2", "fc3"}
    # Without its last layer the output is all zeros: it changes by as much as it is.
    assert (rows[0]["path"], rows[0]["by"], rows[0]["relative"]) == ("fc3", "zero", 1.0)
    assert [row["relative"] for row in rows] == sorted((row["relative"] for row in rows), reverse=True)
    assert document["left_out"] == 0


def test_rows_are_chosen_and_refused() -> None:
    lines = ablate("shared_layer.py", "--rows", "type:Linear", "--by", "identity", status=0).stdout.splitlines()
    assert "3 calls" in lines[0]
    assert sum("cannot go through" in line for line in lines) == 2
    assert "did you mean fc3" in ablate("lenet.py", "--rows", "fc9", status=2).stderr
    assert "an ONNX graph has not" in ablate("lenet.onnx", status=2).stderr
