"""Workspaces that were written, read back and damaged."""

import json
import os

import pytest
from msgspec.structs import replace

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_input
from inspector.core.workspace import RowPlace, TreeState, Workspace
from inspector.files import content_marks
from inspector.files.content_marks import changes_since, marks_of
from inspector.files.journals import write_journal
from inspector.files.workspaces import read_workspace, write_workspace

WORKSPACE = Workspace(
    recipe=Recipe(
        target="m.py:Net",
        weights="w.pt",
        container="ema",
        arguments="n=3",
        training=True,
        seed=-7,
        inputs=[parse_input("x=2x3~range(0.123456789, 4)"), parse_input("steps==5")],
        edits=[Edit(action="initialise", where="*.weight", argument="normal_", scales={"a": 0.5})],
    ),
    undone=[Edit(action="set_element", where="ключ\n", argument="1", index=[0])],
    breakpoints=["layer1.* if absmax > 1e4"],
    tree=TreeState(folded=[RowPlace(kind="module", path="a")], cursor=RowPlace(kind="function", path="", function="+")),
    folder="/somewhere",
    files={"m.py": "abc"},
)


def test_a_workspace_comes_back_as_it_was_written(tmp_path):
    path = str(tmp_path / "w.json")
    write_workspace(path, WORKSPACE)
    assert read_workspace(path) == WORKSPACE
    assert [one.name for one in tmp_path.iterdir()] == ["w.json"]
    with pytest.raises(RequestError, match="exists"):
        write_workspace(path, WORKSPACE)


def _changed(tmp_path, change):
    path = tmp_path / "w.json"
    write_workspace(str(path), WORKSPACE)
    document = json.loads(path.read_text())
    change(document["workspace"])
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop("recipe"), "damaged: .*recipe"),
        (lambda w: w.update(run="rm"), "damaged: 'workspace.run' does not belong there"),
        (lambda w: w["recipe"].update(worker="ssh"), "damaged: 'workspace.recipe.worker'"),
        (lambda w: w["tree"]["folded"][0].update(code=1), r"damaged: 'workspace.tree.folded\[0\].code'"),
        (lambda w: w["recipe"].update(seed=2**64), "damaged"),
        (lambda w: w["recipe"].update(target=" "), "damaged: it names no target"),
        (lambda w: w["recipe"].update(target="m.py:a b"), "damaged: .*after the colon"),
        (lambda w: w["recipe"].update(arguments="__import__('os')"), "damaged: .*not a Python literal"),
        (lambda w: w["recipe"].update(weights=None), "damaged: it names a container"),
        (lambda w: w["recipe"]["inputs"][0].update(shape=[-1]), "damaged: .*not an input"),
        (lambda w: w["recipe"]["inputs"][1].update(value="f()"), "damaged: .*not a Python literal"),
        (lambda w: w["recipe"]["inputs"][0].update(shape=None), "is no input"),
        (lambda w: w.update(breakpoints=["conv1 if __import__('os')"]), "damaged"),
        (lambda w: w["undone"][0].update(seed=-(2**63) - 1), "damaged"),
        (
            lambda w: w["recipe"]["edits"][0].update(argument="nomral_"),
            r"w\.json is damaged: edit 1: .*mean normal_",
        ),
    ],
)
def test_what_is_damaged_is_told_in_a_sentence(tmp_path, change, says):
    with pytest.raises(RequestError, match=says) as refused:
        read_workspace(_changed(tmp_path, change))
    assert "\n" not in str(refused.value)


def test_a_folder_whose_name_is_no_text_is_told(tmp_path):
    with pytest.raises(RequestError, match=r"w\.json cannot be written: '/somewhere/\\udcff' is not text"):
        write_workspace(str(tmp_path / "w.json"), replace(WORKSPACE, folder="/somewhere/\udcff"))
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_told_to_be_none(tmp_path):
    write_journal(str(tmp_path / "j.json"), [])
    with pytest.raises(RequestError, match=r"is no workspace of nninspect; ctrl\+s"):
        read_workspace(str(tmp_path / "j.json"))


def test_files_are_told_to_have_changed_by_their_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("same.py", "touched.py", "changed.py", "gone.py"):
        (tmp_path / name).write_text(name)
    marks = marks_of(["same.py", str(tmp_path / "touched.py"), "changed.py", "gone.py", "never.py", "."])
    assert list(marks) == ["same.py", "touched.py", "changed.py", "gone.py"]
    os.utime(tmp_path / "touched.py", ns=(1, 1))
    (tmp_path / "changed.py").write_text("CHANGED.py")
    (tmp_path / "gone.py").unlink()
    assert changes_since(marks) == ["changed.py has changed", "gone.py is gone"]


def test_of_a_large_file_size_and_time_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(content_marks, "LARGEST_READ", 3)
    path = tmp_path / "w.bin"
    path.write_bytes(b"1234")
    marks = marks_of([str(path)])
    assert changes_since(marks) == []
    os.utime(path, ns=(1, 1))
    assert len(changes_since(marks)) == 1
