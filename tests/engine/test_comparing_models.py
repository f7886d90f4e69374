"""Two ONNX files beside each other: nodes paired, attributes and values compared."""

import onnx
import pytest
from onnx import TensorProto, helper

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe
from inspector.engine.comparing_models import compare_models


def chain(path, *nodes, size=4):
    """A graph of nodes in a row, each given as operator, name and attributes."""
    names = ["x", *(f"v{at}" for at in range(1, len(nodes))), "y"]
    made = [
        helper.make_node(operator, [names[at]], [names[at + 1]], name=name, **attributes)
        for at, (operator, name, attributes) in enumerate(nodes)
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name in ("x", "y")]
    graph = helper.make_graph(made, "chain", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return Recipe(target=str(path))


def compare(a, b):
    return compare_models(a, b, lambda *_: None)


@pytest.fixture
def before(tmp_path):
    return chain(tmp_path / "a.onnx", ("Relu", "r", {}), ("LeakyRelu", "l", {"alpha": 0.1}), ("Neg", "n", {}))


def test_the_same_file_agrees_to_the_bit(before):
    found = compare(before, before)
    assert found.same
    assert (found.nodes.unchanged, found.nodes.only_a, found.nodes.changed) == (3, [], [])
    assert {row.max_abs for row in found.comparison.passes[0].rows} == {0.0}


def test_an_attribute_is_told_with_both_values_and_the_row_where_values_part(before, tmp_path):
    after = chain(tmp_path / "b.onnx", ("Sigmoid", "r", {}), ("LeakyRelu", "l", {"alpha": 0.5}), ("Neg", "n", {}))
    found = compare(before, after)
    assert (found.nodes.only_a, found.nodes.only_b) == (["r (Relu)"], ["r (Sigmoid)"])
    assert [(one.a, one.what, one.before, one.after) for one in found.nodes.changed] == [("l", "alpha", "0.1", "0.5")]
    assert found.comparison.first_divergence.path == "l"
    assert not found.same


def test_nodes_under_other_names_are_paired_in_the_order_of_their_operators(before, tmp_path):
    after = chain(tmp_path / "b.onnx", ("Relu", "one", {}), ("Abs", "two", {}), ("Neg", "three", {}))
    nodes = compare(before, after).nodes
    assert (nodes.only_a, nodes.only_b, nodes.unchanged) == (["l (LeakyRelu)"], ["two (Abs)"], 2)


def test_inputs_of_other_sizes_are_not_run(before, tmp_path):
    found = compare(before, chain(tmp_path / "b.onnx", ("Relu", "r", {}), size=5))
    assert found.comparison is None
    assert "values are not compared: input 'x' is 1×4, the ONNX file declares float32 1×5" in found.notes[0]


def test_a_graph_without_weights_is_not_compared_with_a_model(before, tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n")
    with pytest.raises(RequestError, match=r"a\.onnx holds no weights"):
        compare(Recipe(target=str(tmp_path / "net.py")), before)


def test_what_one_graph_draws_is_no_difference_and_no_agreement(tmp_path):
    noise = ("RandomNormalLike", "noise", {})
    before = chain(tmp_path / "a.onnx", ("Relu", "r", {}), noise, ("Neg", "n", {}))
    after = chain(tmp_path / "b.onnx", ("Abs", "other", {}), ("Relu", "r", {}), noise, ("Neg", "n", {}))
    comparison = compare(before, after).comparison
    rows = {row.path: row for row in comparison.passes[0].rows}
    assert (rows["noise"].random, rows["n"].random, rows["noise"].parted) == (True, True, False)
    assert (rows["r"].random, rows["r"].parted) == (False, True)
    assert comparison.passes[0].outputs[0].random
    assert not comparison.agrees
    assert compare(before, before).same
