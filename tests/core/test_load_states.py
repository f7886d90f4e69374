"""What a file left undone is counted at its module and at all above it."""

from inspector.core.load_states import load_states
from inspector.core.table import Load, Mismatch, ModelInfo, ModelTable, Row


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
