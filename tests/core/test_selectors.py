import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.core.selectors import parse_selector, select
from inspector.core.table import Row, Tensor


def tensor(key: str, kind: str = "parameter") -> Tensor:
    return Tensor(
        key=key, kind=kind, shape=[1], dtype="float32", device="cpu", trainable=True, persistent=True, elements=1,
        bytes=4, expression="",
    )  # fmt: skip


def row(index: int, path: str, type_: str, kind: str = "module") -> Row:
    return Row(index=index, parent=None, kind=kind, path=path, type=type_, depth=0)


TENSORS = [
    tensor("conv1.weight"),
    tensor("conv1.bias"),
    tensor("conv10.weight"),
    tensor("bn.weight"),
    tensor("bn.running_mean", "buffer"),
    tensor("body.block 0.fc[1].weight"),
    tensor("body.block 0.a*b"),
]
ROWS = [
    row(0, "", "Net"),
    row(1, "conv1", "Conv2d"),
    row(2, "conv10", "Conv2d"),
    row(3, "bn", "BatchNorm2d"),
    row(4, "body", "Sequential"),
    row(5, "body.block 0", "Block"),
    row(6, "body.block 0.fc[1]", "Linear"),
    row(7, "empty", "ReLU"),
    row(8, "body", "relu", "function"),
]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("conv1.weight", ["conv1.weight"]),
        ("conv*.weight", ["conv1.weight", "conv10.weight"]),
        ("conv?.weight", ["conv1.weight"]),
        ("bn.*", ["bn.weight"]),
        ("*.running_mean", ["bn.running_mean"]),
        ("body.block 0.fc[1].weight", ["body.block 0.fc[1].weight"]),
        ("*fc[1]*", ["body.block 0.fc[1].weight"]),
        ("body.block 0.a*b", ["body.block 0.a*b"]),
        ("module:conv1", ["conv1.weight", "conv1.bias"]),
        ("module:body.block 0", ["body.block 0.fc[1].weight", "body.block 0.a*b"]),
        ("type:Conv2d", ["conv1.weight", "conv1.bias", "conv10.weight"]),
        ("module:", [one.key for one in TENSORS if one.kind == "parameter"]),
        ("*", [one.key for one in TENSORS if one.kind == "parameter"]),
    ],
)
def test_what_a_selector_means(text, keys):
    assert [one.key for one in select(parse_selector(text), TENSORS, ROWS)] == keys


def test_buffers_are_among_them_when_asked_for():
    assert [one.key for one in select(parse_selector("module:bn"), TENSORS, ROWS, buffers=True)] == [
        "bn.weight",
        "bn.running_mean",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("conv1.wieght", "did you mean conv1.weight"),
        ("module:conv2", "did you mean module:conv"),
        ("type:linear", "did you mean type:Linear"),
        ("type:relu", "did you mean type:ReLU"),
        ("module:empty", "no tensors lie there"),
        ("fc*", "no tensor"),
        ("", "selects nothing"),
        ("type:", "selects nothing"),
    ],
)
def test_nothing_selected_is_an_error_with_what_comes_close(text, says):
    with pytest.raises(RequestError, match=says):
        select(parse_selector(text), TENSORS, ROWS)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=6, unique=True), st.data())
def test_every_key_that_exists_selects_itself(keys, data):
    key = data.draw(st.sampled_from(keys))
    if key and not key.startswith(("module:", "type:")):
        assert [one.key for one in select(parse_selector(key), [tensor(each) for each in keys], [])] == [key]


@given(st.text(min_size=1, max_size=20).filter(lambda text: text != "type:"))
def test_a_selector_prints_as_it_was_written(text):
    assert str(parse_selector(text)) == text
