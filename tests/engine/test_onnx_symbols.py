import re

import numpy
import onnxruntime
import pytest
from onnx import helper
from onnx_graphs import array, model_of, normal, opened, quiet, value

from inspector.core.recipe import InputSpec
from inspector.core.wording import symbolic_shape


def number_of(size, numbers):
    """A symbolic size worked out by Python's own arithmetic."""
    text = re.sub("⌊(.*?)/(\\d+)⌋", r"((\1) // \2)", str(size))
    text = re.sub("⌈(.*?)/(\\d+)⌉", r"(-(-(\1) // \2))", text)
    return eval(text.replace("·", "*").replace("−", "-"), {}, numbers)


@pytest.fixture
def image_net():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2], strides=[2, 3]),
        helper.make_node("Shape", ["b"], ["s"]),
        helper.make_node("Gather", ["s", "first"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["b", "to"], ["c"]),
        helper.make_node("Transpose", ["a"], ["y"], perm=[2, 0, 1, 3]),
    ]
    weights = [normal("w", 4, 3, 3, 3), array("first", [0]), array("rest", [4, -1])]
    return model_of(nodes, [value("x", ["batch", 3, "H", "W"])], ["y", "b"], weights)


def test_symbolic_shapes_hold_for_other_sizes(tmp_path, image_net):
    table = opened(tmp_path, image_net).trace([], quiet)
    assert table.inputs[0].symbolic_shape == ["batch", 3, "H", "W"]
    assert [symbolic_shape(one.symbolic_shape) for one in table.outputs] == [
        "⌈H/2⌉×batch×4×⌈W/2⌉",
        "batch×4×⌊(H + 1)/4⌋×⌊(W + 3)/6⌋",
    ]
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    for sizes in ({"batch": 2, "H": 41, "W": 50}, {"batch": 5, "H": 38, "W": 27}):
        image = numpy.zeros((sizes["batch"], 3, sizes["H"], sizes["W"]), numpy.float32)
        made = session.run(None, {"x": image})
        told = [[number_of(size, sizes) for size in one.symbolic_shape] for one in table.outputs]
        assert told == [list(one.shape) for one in made]


def test_sizes_given_bind_the_symbols(tmp_path, image_net):
    table = opened(tmp_path, image_net).trace([InputSpec(name="x", shape=[2, 3, 32, 32])], quiet)
    assert table.outputs[0].shape == [16, 2, 4, 16]
    assert not any(row.symbolic_shapes for row in table.rows)
    assert table.outputs[0].symbolic_shape is None


def test_a_size_written_into_the_graph_is_no_symbol(tmp_path):
    """The batch stands in a Reshape: no other one runs."""
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    graph = model_of(nodes, [value("x", ["batch", "n", 4])], ["y"], [array("to", [1, -1, 2])])
    (row,) = [row for row in opened(tmp_path, graph).trace([], quiet).rows if row.type == "Reshape"]
    assert row.symbolic_shapes == [[1, "2·batch·n", 2]]


def test_a_graph_without_symbols_has_no_symbolic_shapes(tmp_path):
    graph = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2, 3])], ["y"])
    table = opened(tmp_path, graph).trace([], quiet)
    assert table.inputs[0].symbolic_shape is None
    assert not any(row.symbolic_shapes for row in table.rows)
