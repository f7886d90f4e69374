"""`nninspect what-if` as scripts call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from at_hand import called

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
LENET = str(Path(__file__).parents[2] / "sample_models" / "lenet.py")


def what_if(*arguments: str, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called("what-if", LENET, *arguments, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_document_of_what_would_change() -> None:
    document = json.loads(what_if("--at", "conv2", "--set", "padding=1", "--json", status=1, in_a_shell=True).stdout)
    assert document["settings"]["padding"] == [1, 1]
    assert (document["before"], document["after"]) == ([1, 16, 10, 10], [1, 16, 12, 12])
    assert [line["output"] for line in document["formula"]] == [12, 12]
    misfits = [row for row in document["rows"] if row["failure"]]
    assert [row["type"] for row in misfits] == ["x.view"]
    assert document["complete"]


def test_a_change_that_fits_and_one_that_is_none() -> None:
    text = what_if("--at", "", "--function", "max_pool2d", "--set", "ceil_mode=yes", status=0).stdout
    assert "ceil_mode       no → yes" in text
    assert "13 rows unchanged" in text
    assert "has no setting 'groups'" in what_if("--at", "conv1", "--set", "groups=2", status=2).stderr
    assert "NAME=VALUE" in what_if("--at", "conv1", "--set", "stride", status=2).stderr
