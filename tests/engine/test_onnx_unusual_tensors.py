"""Tensors that few models have: sparse ones, text, packed integers, sizes beyond 64 bits."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_graphs import array, model_of, opened, quiet, saved, value

from inspector.checks.running import check_model
from inspector.core.differences import Aligned
from inspector.core.errors import RequestError
from inspector.core.findings import CheckSettings
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.comparing_models import compare_models
from inspector.engine.onnx_model.torch_values import dense_values

VALUES = CheckSettings(select=["NN402", "NN403", "NN404"])
_ROW = [InputSpec(shape=(1, 2))]


def sparse(dense: list[list[float]], name: str = "w") -> onnx.SparseTensorProto:
    whole = np.float32(dense)
    places = np.flatnonzero(whole)
    made = onnx.SparseTensorProto(dims=whole.shape)
    made.values.CopyFrom(array(name, whole.reshape(-1)[places]))
    made.indices.CopyFrom(array("", places.astype(np.int64)))
    return made


def with_sparse_initializer(dense: list[list[float]]) -> onnx.ModelProto:
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 2])], ["y"])
    model.graph.sparse_initializer.append(sparse(dense))
    return model


def packed(dtype: int) -> onnx.ModelProto:
    """Weights of less than a byte, made numbers by a Cast."""
    weight = helper.make_tensor("w", dtype, [2, 2], [0, 1, 1, 0])
    nodes = [helper.make_node("Cast", ["w"], ["c"], to=1), helper.make_node("MatMul", ["x", "c"], ["y"])]
    return model_of(nodes, [value("x", [1, 2])], ["y"], [weight], opset=21)


def joined(word: str) -> onnx.ModelProto:
    """Text in, text out."""
    text = helper.make_tensor("c", TensorProto.STRING, [1], [word.encode()])
    node = helper.make_node("StringConcat", ["s", "c"], ["y"])
    return model_of([node], [value("s", ["n"], TensorProto.STRING)], ["y"], [text], opset=20)


def rows_of_diff(folder: Path, a: onnx.ModelProto, b: onnx.ModelProto) -> list[Aligned]:
    paths = [saved(folder, model, name) for model, name in ((a, "a.onnx"), (b, "b.onnx"))]
    return compare_models(Recipe(target=paths[0]), Recipe(target=paths[1]), quiet).tensors.rows


def test_a_node_that_reads_a_sparse_constant_gives_what_onnxruntime_gives(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["w"], sparse_value=sparse([[0, 1, 0], [0, 0, 2]])),
        helper.make_node("MatMul", ["x", "w"], ["y"], name="product"),
    ]
    model = model_of(nodes, [value("x", [1, 2])], ["y"])
    live = opened(tmp_path, model)
    report = live.forward(ForwardSettings(inputs=_ROW), quiet)
    assert report.table.failure is None
    (_, x), *_ = live.named_inputs(_ROW, 0, quiet)[0]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": x.numpy()})
    found = {row.name: run.statistics for row, run in zip(report.table.rows, report.runs, strict=True)}
    product = found["product"]
    assert product is not None
    assert (product.mean, product.max) == pytest.approx((wanted.mean(), wanted.max()))


def test_sparse_initializers_are_compared_with_their_zeros(tmp_path: Path) -> None:
    one, other = [[0, 1, 0], [0, 0, 2]], [[0, 1, 0], [0, 0, 99]]
    (same,) = rows_of_diff(tmp_path, with_sparse_initializer(one), with_sparse_initializer(one))
    (changed,) = rows_of_diff(tmp_path, with_sparse_initializer(one), with_sparse_initializer(other))
    assert (same.state, changed.state) == ("same", "changed")
    assert changed.max_abs == float(np.abs(np.float32(one) - np.float32(other)).max())


def test_sparse_values_that_lie_outside_of_their_shape_are_refused(tmp_path: Path) -> None:
    model = with_sparse_initializer([[0, 1, 0], [0, 0, 2]])
    live = opened(tmp_path, model)
    live.graph.sparse["w"].indices.CopyFrom(array("", np.array([[0, 1], [7, 7]])))
    with pytest.raises(RequestError, match="where they cannot lie"):
        dense_values(live.graph, "w")


def test_types_of_less_than_a_byte_are_told_apart(tmp_path: Path) -> None:
    (row,) = rows_of_diff(tmp_path, packed(TensorProto.INT4), packed(TensorProto.UINT4))
    assert (row.state, row.dtype_a, row.dtype_b, row.equal) == ("changed", "int4", "uint4", True)
    (row,) = rows_of_diff(tmp_path, packed(TensorProto.INT4), packed(TensorProto.INT4))
    assert row.state == "same"


def test_text_is_compared_word_by_word(tmp_path: Path) -> None:
    (same,) = rows_of_diff(tmp_path, joined("!é"), joined("!é"))
    (changed,) = rows_of_diff(tmp_path, joined("!é"), joined("?"))
    assert (same.state, changed.state) == ("same", "changed")


def test_the_check_says_which_text_it_did_not_look_at(tmp_path: Path) -> None:
    report = check_model(opened(tmp_path, joined("!é")), VALUES, quiet)
    assert report.findings == []
    assert "c holds text" in next(one.why for one in report.not_run if one.rule == "NN402")


def test_the_check_looks_at_the_values_of_sparse_tensors(tmp_path: Path) -> None:
    report = check_model(opened(tmp_path, with_sparse_initializer([[0, np.nan], [1, 2]])), VALUES, quiet)
    assert [one.rule for one in report.findings] == ["NN402"]


@pytest.mark.parametrize("sizes", [[10**9, 10**9, 10**9], [2**62, 4]])
def test_what_does_not_fit_into_64_bits_is_unknown(tmp_path: Path, sizes: list[int | str]) -> None:
    table = opened(tmp_path, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", sizes)], ["y"])).trace(
        [], quiet
    )
    assert table.rows[-1].output_shapes == [sizes]
    assert (table.rows[-1].output_bytes, table.totals.activation_bytes) == (None, None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(table), type=type(table)) == table


def test_an_infinite_constant_is_meant_and_an_infinite_weight_is_not(tmp_path: Path) -> None:
    nodes = [helper.make_node("Where", ["c", "x", "lowest"], ["m"]), helper.make_node("MatMul", ["m", "w"], ["y"])]
    held = [array("c", np.array([[True, False]])), array("lowest", np.float32(-np.inf))]
    for weight, found in (([[1, 2], [3, 4]], []), ([[1, np.inf], [3, 4]], ["w"])):
        model = model_of(nodes, [value("x", [1, 2])], ["y"], [*held, array("w", np.float32(weight))])
        findings = check_model(opened(tmp_path, model), VALUES, quiet).findings
        assert [one.path for one in findings if one.rule == "NN402"] == found


def test_a_constant_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "c"], ["y"])
    model = model_of([node], [value("x", [1, 2])], ["y"], [array("c", np.float32(np.nan))])
    assert [one.rule for one in check_model(opened(tmp_path, model), VALUES, quiet).findings] == ["NN402"]


def test_constants_are_written_with_the_digits_that_tell_them_apart(tmp_path: Path) -> None:
    thirds = helper.make_tensor("t", TensorProto.FLOAT, [3], np.float32([0.1, 1 / 3, -np.inf]))
    nodes = [helper.make_node("Constant", [], ["c"], value=thirds), helper.make_node("Add", ["x", "c"], ["y"])]
    rows = opened(tmp_path, model_of(nodes, [value("x", [1, 3])], ["y"])).table().rows
    assert "[0.1, 0.333333, -inf] (float32 3)" in [row.hyperparameters for row in rows]
