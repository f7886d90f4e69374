"""Sizes of poolings worked out without a run are those of onnxruntime; a run that says otherwise is believed."""

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx_graphs import array, model_of, opened, quiet, value

from inspector.core.recipe import InputSpec
from inspector.engine.onnx_model.formulas import formulas_of
from inspector.engine.onnx_model.shapes import infer

_SETTINGS = [(kernel, stride, dilation, before, after, size)
             for kernel, stride, dilation in product((2, 3), (1, 2, 3), (1, 2))
             for before, after in product(range(kernel), repeat=2)
             for size in (5, 6, 7, 8)]  # fmt: skip


def shape_of_a_run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[int]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds)[0].shape)


@pytest.mark.parametrize(
    ("operator", "opset"),
    [("MaxPool", 10), ("MaxPool", 12), ("MaxPool", 22), ("AveragePool", 19), ("AveragePool", 22), ("LpPool", 18)],
)
def test_rounding_up_leaves_out_what_would_start_in_the_padding(tmp_path: Path, operator: str, opset: int) -> None:
    nodes = [
        helper.make_node(operator, [f"x{at}"], [f"y{at}"], kernel_shape=[k, 2], strides=[s, 2], dilations=[d, 1],
                         pads=[p, 0, q, 1], ceil_mode=1)
        for at, (k, s, d, p, q, _) in enumerate(_SETTINGS)
    ]  # fmt: skip
    inputs = [value(f"x{at}", [1, 1, size, 8]) for at, (*_, size) in enumerate(_SETTINGS)]
    model = model_of(nodes, inputs, [f"y{at}" for at in range(len(_SETTINGS))], opset=opset)
    feeds = {f"x{at}": np.zeros((1, 1, size, 8), np.float32) for at, (*_, size) in enumerate(_SETTINGS)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    made = [list(one.shape) for one in session.run(None, feeds)]
    graph = opened(tmp_path, model).graph
    inferred = infer(graph, {name: list(one.shape) for name, one in feeds.items()}).values
    shapes = {name: one.shape for name, one in inferred.items() if one.shape is not None}
    lines = formulas_of(graph, shapes)
    for at, settings in enumerate(_SETTINGS):
        assert shapes[f"y{at}"] == made[at], settings
        assert [line.output for line in lines[at]] == made[at][2:], settings


def test_what_follows_a_pooling_that_rounds_up_has_the_sizes_of_a_run(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 3], strides=[2, 2], pads=[0, 1, 1, 0], ceil_mode=1),
        helper.make_node("AveragePool", ["p"], ["a"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1],
                         ceil_mode=1),
        helper.make_node("Flatten", ["a"], ["y"]),
    ]  # fmt: skip
    model = model_of(nodes, [value("x", ["n", 2, 24, 24])], ["y"], opset=20)
    rows = opened(tmp_path, model).trace([InputSpec(shape=(1, 2, 24, 24))], quiet).rows
    made = shape_of_a_run(model, {"x": np.zeros((1, 2, 24, 24), np.float32)})
    assert rows[-1].output_shapes == [made]
    assert all(row.formula for row in rows if row.type in ("MaxPool", "AveragePool"))


def test_where_a_run_makes_other_shapes_than_the_rules_its_shapes_are_shown(tmp_path: Path) -> None:
    """onnxruntime pads SAME_UPPER poolings as if they were not dilated; the rules of the standard do not."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3], dilations=[2], auto_pad="SAME_UPPER"),
        helper.make_node("Mul", ["p", "two"], ["y"]),
    ]
    model = model_of(nodes, [value("x", [1, 1, 14])], ["y"], [array("two", np.float32(2))], opset=22)
    made = shape_of_a_run(model, {"x": np.zeros((1, 1, 14), np.float32)})
    table = opened(tmp_path, model).trace([], quiet)
    assert made != [1, 1, 14]
    assert [row.output_shapes for row in table.rows if row.type in ("MaxPool", "Mul")] == [[made], [made]]
    assert table.outputs[0].shape == made
