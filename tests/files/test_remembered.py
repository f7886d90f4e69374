"""What is remembered of a model: by its file, whole or not at all, and not for ever."""

import os

import pytest

from inspector.core.errors import RequestError
from inspector.core.model_state import Habits, ModelState
from inspector.core.recipe import Recipe
from inspector.files import remembered
from inspector.files.content_marks import marks_of
from inspector.files.mistake_log import log_mistake
from inspector.files.user_folders import state_folder

STATE = ModelState(panel="names", inputs=["x=1x3x8x8"])


@pytest.fixture
def net(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("x = 1\n")
    return Recipe(target=f"{file}:Net")


def test_a_model_is_as_it_was_kept(net):
    assert remembered.recall(net) is None
    remembered.keep(net, STATE)
    assert remembered.recall(net) == STATE
    remembered.forget(net)
    assert remembered.recall(net) is None


def test_one_file_by_two_paths_is_one_model_and_two_classes_are_two(net, tmp_path, monkeypatch):
    remembered.keep(net, STATE)
    monkeypatch.chdir(tmp_path)
    assert remembered.recall(Recipe(target="net.py:Net")) == STATE
    assert remembered.recall(Recipe(target="net.py:Other")) is None
    assert remembered.recall(Recipe(target="net.py:Net", weights="some.pt")) is None


def test_the_mark_changes_with_the_file(net):
    before = remembered.mark_of(net)
    with open(net.target.partition(":")[0], "a") as file:
        file.write("y = 2\n")
    assert remembered.mark_of(net) != before
    assert remembered.mark_of(Recipe(target="package.module:Net")) == ""


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": "other", "version": 1}', b"\xff"])
def test_what_does_not_read_is_refused(net, content):
    remembered.keep(net, STATE)
    (file,) = (state_folder() / "models").iterdir()
    file.write_bytes(content)
    with pytest.raises(RequestError):
        remembered.recall(net)
    remembered.keep(net, STATE)
    assert remembered.recall(net) == STATE


NOBODYS = "~nobody-of-that-name/"


@pytest.mark.parametrize("folder", ["/" + "x" * 300, NOBODYS], ids=["too long", "nobody's"])
def test_where_the_system_cannot_look_that_is_refused_in_a_sentence(net, folder, monkeypatch):
    monkeypatch.setenv("NNINSPECT_STATE", folder)
    for act in (lambda: remembered.recall(net), remembered.recall_habits, lambda: remembered.keep(net, STATE)):
        with pytest.raises(RequestError, match=r"cannot be (read|made): File name too long|no such user"):
            act()
    remembered.forget(net)
    assert log_mistake(ValueError()) is None


def test_a_target_in_a_folder_of_somebody_on_another_machine_is_remembered_as_typed():
    theirs = Recipe(target=f"{NOBODYS}net.py", weights=f"{NOBODYS}w.pt")
    remembered.keep(theirs, STATE)
    assert remembered.recall(theirs) == STATE
    assert remembered.mark_of(theirs) == ""
    assert marks_of([theirs.target]) == {}


def test_the_models_looked_at_longest_ago_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "MODELS_KEPT", 3)
    recipes = [Recipe(target=f"package.m{number}:Net") for number in range(5)]
    for number, recipe in enumerate(recipes):
        remembered.keep(recipe, STATE)
        for file in (state_folder() / "models").iterdir():
            age = 100 + number if file.stat().st_mtime > 1000 else file.stat().st_mtime
            os.utime(file, (age, age))
    assert [remembered.recall(recipe) is not None for recipe in recipes] == [False, False, True, True, True]


def test_habits_are_kept():
    assert remembered.recall_habits() == Habits()
    habits = Habits(used=["forward", "toggle"], theme="nord")
    remembered.keep_habits(habits)
    assert remembered.recall_habits() == habits
