"""What was left out on purpose is said, with a command that can be pasted."""

import shlex

from inspector.core.load_notes import load_notes
from inspector.core.loads import Load
from inspector.core.recipe import Recipe

RECIPE = Recipe(target="net.py:Net", weights="my weights.pt", arguments="width=3, name='a'")


def test_nothing_is_said_where_nothing_was_left_out() -> None:
    assert load_notes(Load(matched=3, coverage=0.5, missing=["a"]), RECIPE) == []


def test_guesses_are_counted_with_the_command_that_makes_them() -> None:
    (note,) = load_notes(Load(matched=0, coverage=0, ambiguous=["a.w", "a.b", "b.w", "b.b"]), RECIPE)
    assert note.code == "ambiguous-keys"
    assert note.message.startswith("4 keys were not loaded")
    command = note.message.split("`")[1]
    assert shlex.split(command) == [
        *("nninspect", "repair", "my weights.pt", "--for", "net.py:Net", "--args", RECIPE.arguments),
        *("--guess", "-o", "mended.safetensors"),
    ]


def test_another_models_file_is_said_to_be_one() -> None:
    (note,) = load_notes(Load(matched=0, coverage=0, refused=True), Recipe(target="a.py", weights="w.pt"))
    assert note.code == "another-model"
    assert "`nninspect repair w.pt --for a.py` says why" in note.message
