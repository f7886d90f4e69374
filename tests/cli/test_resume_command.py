"""`nninspect --resume FILE` where there is no terminal, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from at_hand import called

from inspector.cli.main import run
from inspector.core.edits import Edit
from inspector.core.recipe import Recipe
from inspector.core.workspace import Workspace
from inspector.files.content_marks import marks_of
from inspector.files.workspaces import write_workspace

pytestmark = pytest.mark.slow
COMMAND = str(Path(sys.executable).with_name("nninspect"))
MODEL = """
from torch import nn

def Net(width=2):
    return nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.py").write_text(MODEL)
    edit = Edit(action="mode", where="1", argument="train")
    recipe = Recipe(target="m.py:Net", arguments="width=5", edits=[edit])
    write_workspace("w.json", Workspace(recipe=recipe, folder=str(tmp_path), files=marks_of(["m.py"])))
    return tmp_path


def resumed(*arguments: str, status: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = called(*arguments, cwd=folder)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_it_opens_what_was_open_with_its_changes(folder):
    table = json.loads(resumed("--resume", "w.json", "--json").stdout)
    assert table["rows"][1]["output_shapes"][0][-1] == 5
    table = json.loads(resumed("open", "--resume", "w.json", "--args", "width=7", "--json").stdout)
    assert table["rows"][1]["output_shapes"][0][-1] == 7


def test_a_target_beside_it_is_opened_in_its_place(folder):
    Path("moved.py").write_text(MODEL)
    Path("m.py").unlink()
    table = json.loads(resumed("moved.py:Net", "--resume", "w.json", "--json").stdout)
    assert table["model"]["target"] == "moved.py:Net"
    assert table["rows"][1]["output_shapes"][0][-1] == 5


def test_that_the_model_has_changed_is_said_on_standard_error(folder):
    assert resumed("--resume", "w.json").stderr == ""
    Path("m.py").write_text(MODEL + "\n")
    assert "since w.json was saved m.py has changed" in resumed("--resume", "w.json").stderr


def test_the_worker_is_that_of_the_settings_and_nothing_else(folder, monkeypatch, tmp_path_factory):
    Path(os.environ["NNINSPECT_CONFIG"]).write_text('worker = "ssh box"\nseed = 7')
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("TEXTUAL_DRIVER", "as in a tab")
    monkeypatch.setattr("inspector.tui.running.run", lambda *given, **_: 0)
    started = []
    monkeypatch.setattr("inspector.worker.opening.client_for", lambda *given, **_: started.append(given))
    assert run(["--resume", str(folder / "w.json")]) == 0
    ((recipe, worker),) = started
    assert (recipe.target, recipe.seed, worker) == ("m.py:Net", 0, "ssh box")


def test_what_cannot_be_resumed_is_refused_in_a_sentence(folder, tmp_path_factory):
    assert "cannot be read: No such file" in resumed("--resume", "no.json", status=2).stderr
    assert "is no workspace" in resumed("--resume", "m.py", status=2).stderr
    assert "--edits" in resumed("--resume", "w.json", "--edits", "e.json", status=2).stderr
    assert "Missing argument 'TARGET', or --resume" in resumed("open", status=2).stderr
    elsewhere = resumed("--resume", str(folder / "w.json"), status=2, folder=tmp_path_factory.mktemp("elsewhere"))
    assert f"was saved in {folder}, and m.py:Net is not here" in elsewhere.stderr
