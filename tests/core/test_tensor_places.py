"""Tensors of a row against the definition: keys that begin with the path and a dot, or are the path."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.table import ModelInfo, ModelTable, Row, Tensor
from inspector.core.tensor_places import TensorPlaces

PARTS = st.lists(st.sampled_from(["a", "b", "a-", "a/", "0", "10", "é", "", "ab"]), min_size=1, max_size=4)
KEYS = st.lists(PARTS.map(".".join), unique=True)


def table_of(keys) -> ModelTable:
    tensors = [
        Tensor(key=key, kind="parameter", shape=[1], dtype="float32", device="cpu", trainable=True, persistent=True,
               elements=1, bytes=4, expression="")
        for key in keys
    ]  # fmt: skip
    return ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py"), tensors=tensors)


def row_at(path, kind="module") -> Row:
    return Row(index=1, parent=0, kind=kind, path=path, type="T", depth=1)


@given(KEYS, PARTS.map(".".join))
def test_below_a_row_are_the_keys_that_begin_with_its_path(keys, path):
    places = TensorPlaces(table_of(keys))
    below = [key for key in keys if not path or key.startswith(f"{path}.") or key == path]
    own = [key for key in keys if key.rpartition(".")[0] == path]
    assert [one.key for one in places.below(row_at(path))] == below
    assert [one.key for one in places.own(row_at(path))] == own
    assert [one.key for one in places.below(row_at(path, "function"))] == own
