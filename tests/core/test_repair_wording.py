"""What a report on a checkpoint says in words; the command and the interface print the same."""

from inspector.core.loads import LoadRule, Mismatch
from inspector.core.recipe import Recipe, with_arguments
from inspector.core.repair import RepairReport, Unsure
from inspector.core.repair_wording import filled, not_written, python, sections
from inspector.core.typed_command import typed_command


def report(**changed: object) -> RepairReport:
    fields: dict[str, object] = {
        "loads": False, "verdict": "", "container": "", "coverage": 0.5, "matched": 2, "rules": [], "missing": [],
        "unexpected": [], "mismatched": [], "ambiguous": [], "harmless": [], "proposals": [], "stays_random": [],
        "notes": [], "others": [], "snippet": "state = {}",
    }  # fmt: skip
    return RepairReport(**(fields | changed))  # type: ignore[arg-type]


def test_nothing_to_say_is_left_out() -> None:
    assert sections(report(), "") == []
    assert filled(report()) == "50 % of the model's elements are filled, 2 keys"
    assert "from net, 1 key; proven" in filled(report(loads=True, container="net", matched=1))


def test_rules_say_how_sure_they_are() -> None:
    rule = LoadRule(
        kind="shift_index", from_="a.n", to="a.n+1", tensors=3, confidence=0.5, condition="n ≥ 3", lossy=True
    )
    ((heading, lines),) = sections(report(rules=[rule]), "")
    assert heading == "rules"
    assert lines == ["shift index: a.n → a.n+1   (3 tensors, for n ≥ 3, confidence 0.5, loses information)"]


def test_what_is_ambiguous_is_said_with_its_candidates() -> None:
    unsure = Unsure(model=["a"], candidates=[f"b.{n}" for n in range(6)], why="equal shapes")
    ((_, lines),) = sections(report(ambiguous=[unsure]), "")
    assert lines == ["a could be made of b.0, b.1, b.2, b.3 and 2 more: equal shapes"]


def test_what_stays_random_is_said_once() -> None:
    said = sections(
        report(
            missing=["a"],
            mismatched=[Mismatch(key="b", file_shape=[2], model_shape=[])],
            stays_random=["a", "b", "c"],
        ),
        "",
    )
    assert [(heading, lines) for heading, lines in said] == [
        ("missing in the file", ["a"]),
        ("another shape", ["b: 2 in the file, scalar in the model"]),
        ("stays random", ["c"]),
    ]


def test_python_is_there_where_something_is_mended() -> None:
    rule = LoadRule(kind="container", from_="net", to="", tensors=2)
    assert python(report(rules=[rule])) == ["state = {}"]
    assert python(report()) == python(report(rules=[rule], matched=0)) == []


def test_why_nothing_was_written_names_the_option_that_would_write() -> None:
    assert "--partial" in not_written(report(), "x.pt")
    assert not_written(report(loads=True), "x.pt").startswith("x.pt is not written: several")
    assert "--guess" in not_written(report(loads=True), "x.pt")


def test_the_command_repeats_what_was_typed_with_the_new_arguments() -> None:
    typed = ["repair", "w.pt", "--for", "net.py", "--args", "depth=2", "--guess"]
    recipe = Recipe(target="net.py", arguments="depth=2", typed=typed)
    arguments = with_arguments(recipe.arguments, "num_classes=7")
    assert arguments == "depth=2, num_classes=7"
    assert with_arguments("3, depth=2", "depth=4") == "3, depth=4"
    assert typed_command(recipe, "net.py", arguments) == (
        "nninspect repair w.pt --for net.py --guess --args 'depth=2, num_classes=7'"
    )
    untyped = Recipe(target="my net.py", weights="w.pt")
    assert typed_command(untyped, "my net.py", "") == "nninspect 'my net.py' --weights w.pt"
