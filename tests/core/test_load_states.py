"""What a file left undone is counted at its module and at all above it."""

from msgspec.structs import replace

from inspector.core.load_states import load_states
from inspector.core.loads import Load, LoadRule, Mismatch
from inspector.core.table import ModelInfo, ModelTable, Row, Tensor


def table(load: Load | None) -> ModelTable:
    paths = ["", "body", "body.0", "body.1", "head"]
    rows = [Row(index=at, parent=None, kind="module", path=path, type="M", depth=0) for at, path in enumerate(paths)]
    return ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py", weights="w.pt"), rows=rows, load=load)


def test_keys_count_for_every_module_above_them() -> None:
    load = Load(
        matched=3,
        missing=["body.0.weight", "body.0.bias", "scale"],
        unexpected=["body.9.weight"],
        mismatched=[Mismatch(key="head.weight", file_shape=[2], model_shape=[3])],
        coverage=0.5,
    )
    assert {path: str(state) for path, state in load_states(table(load)).items()} == {
        "": "missing 3, shape 1, extra 1",
        "body": "missing 2, extra 1",
        "body.0": "missing 2",
        "head": "shape 1",
    }


def test_nothing_is_undone_where_everything_fits_or_nothing_was_loaded() -> None:
    assert load_states(table(None)) == {}
    assert load_states(table(Load(matched=6, coverage=1.0))) == {}


def tensor(key: str, persistent: bool = True) -> Tensor:
    return Tensor(
        key=key, kind="parameter", shape=[2], dtype="float32", device="cpu", trainable=True, persistent=persistent,
        elements=2, bytes=8, expression=f"model.{key}",
    )  # fmt: skip


def test_what_was_filled_is_told_apart_by_how() -> None:
    load = Load(
        matched=4,
        missing=["body.1.bias"],
        coverage=0.8,
        sources={"body.1.weight": ["trunk.1.weight"], "head.weight": ["body.0.weight"]},
        rules=[
            LoadRule(kind="renamed", from_="trunk.{n}", to="body.{n}", tensors=1, keys=["body.1.weight"]),
            LoadRule(kind="tied", from_="body.0.weight", to="head.weight", tensors=1, keys=["head.weight"]),
        ],
    )
    keys = ["body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "head.weight"]
    shown = replace(table(load), tensors=[*map(tensor, keys), tensor("head.cache", persistent=False)])
    assert {path: str(state) for path, state in load_states(shown).items()} == {
        "": "missing 1, by rule, tied",
        "body": "missing 1, by rule",
        "body.0": "✓",
        "body.1": "missing 1, by rule",
        "head": "✓ tied",
    }
    whole = load_states(shown)[""]
    assert (whole.matched, whole.by_rule, whole.tied, whole.missing) == (2, 1, 1, 1)
