from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_graphs import FLOAT, INT64, array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.memory import MemorySettings
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.onnx_model import open_onnx

PACKAGED = Path(onnx.__file__).parent / "backend" / "test" / "data"


def row(table, path):
    return next(row for row in table.rows if row.path == path)


def test_scopes_come_from_the_names_of_the_nodes(tmp_path):
    rows = opened(tmp_path, mlp()).table().rows
    assert [(row.depth, row.kind, row.path, row.type) for row in rows] == [
        (0, "module", "", "graph"),
        (1, "module", "/hidden", "scope"),
        (2, "node", "/hidden/Gemm", "Gemm"),
        (1, "module", "/act", "scope"),
        (2, "node", "/act/Relu", "Relu"),
        (1, "module", "/output", "scope"),
        (2, "node", "/output/MatMul", "MatMul"),
        (2, "node", "/output/Add", "Add"),
    ]
    assert [row.subtree for row in rows] == [8, 2, 1, 2, 1, 3, 1, 1]
    assert [row.parent for row in rows] == [None, 0, 1, 0, 3, 0, 5, 5]
    assert [row.parameters for row in rows] == [32, 20, 20, 0, 0, 12, 10, 2]


def test_a_scope_that_is_left_and_entered_again_is_called_twice(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="/block/Relu"),
        helper.make_node("Neg", ["a"], ["b"], name="/Neg"),
        helper.make_node("Relu", ["b"], ["y"], name="/block/Relu_1"),
    ]
    rows = opened(tmp_path, model_of(nodes, [value("x", [2])], ["y"])).table().rows
    assert [(row.path, row.call) for row in rows if row.kind == "module"] == [("", 0), ("/block", 0), ("/block", 1)]


def test_a_constant_without_a_scope_lies_where_it_is_read(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="/block/Relu"),
        helper.make_node("Constant", [], ["half"], name="Constant_7", value_float=0.5),
        helper.make_node("Mul", ["a", "half"], ["y"], name="/block/Mul"),
    ]
    rows = opened(tmp_path, model_of(nodes, [value("x", [2])], ["y"])).table().rows
    assert [(row.path, row.depth) for row in rows[1:]] == [
        ("/block", 1),
        ("/block/Relu", 2),
        ("Constant_7", 2),
        ("/block/Mul", 2),
    ]


def test_scopes_and_classes_come_from_the_metadata_of_torchs_exporter(tmp_path):
    model = mlp()
    node = model.graph.node[0]
    node.name = "node_linear"
    for key, text in (
        ("pkg.torch.onnx.name_scopes", "['', 'body', 'body.hidden', 'linear']"),
        ("pkg.torch.onnx.class_hierarchy", "['net.MLP', 'net.Body', 'torch.nn.modules.linear.Linear', 'aten.linear']"),
        ("pkg.torch.onnx.stack_trace", 'File "/home/me/net.py", line 12, in forward\n    return self.hidden(x)'),
    ):
        node.metadata_props.add(key=key, value=text)
    rows = opened(tmp_path, model).table().rows
    assert [(row.path, row.name, row.type) for row in rows[1:4]] == [
        ("body", "body", "Body"),
        ("body.hidden", "hidden", "Linear"),
        ("body.hidden/node_linear", "node_linear", "Gemm"),
    ]
    assert rows[3].source.line == 12
    assert rows[3].source.text == "return self.hidden(x)"


def test_every_expression_gives_that_very_tensor(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[1, -1]),
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("Constant", [], ["table"], value=array("", numpy.eye(3, dtype=numpy.float32))),
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("Mul", ["r", "half"], ["m"]),
        helper.make_node("Gemm", ["m", "table", "odd 'name'"], ["y"]),
    ]
    model = model_of(nodes, [value("x", [3])], ["y"], [normal("odd 'name'", 3)])
    live = opened(tmp_path, model)
    tensors = live.table().tensors
    assert [(t.key, t.kind) for t in tensors] == [
        ("odd 'name'", "parameter"),
        ("shape", "buffer"),
        ("half", "buffer"),
        ("table", "parameter"),
    ]
    for tensor in tensors:
        found = eval(tensor.expression, {"onnx": onnx, "numpy": numpy, "model": model})
        assert list(found.shape) == tensor.shape
        shown = [number for line in live.values(tensor.key, "", 9).rows for number in line]
        assert shown == found.reshape(-1).tolist()


def test_running_statistics_are_buffers_and_weights_parameters(tmp_path):
    weights = [array(name, numpy.ones(4, numpy.float32)) for name in ("scale", "shift", "mean", "var")]
    node = helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "var"], ["y"])
    table = opened(tmp_path, model_of([node], [value("x", [1, 4, 2, 2])], ["y"], weights)).table()
    assert [tensor.kind for tensor in table.tensors] == ["parameter", "parameter", "buffer", "buffer"]
    assert (table.totals.parameters, table.totals.buffers) == (8, 8)


def test_a_shared_initializer_is_counted_once_and_names_the_other_place(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="first"),
        helper.make_node("MatMul", ["a", "w"], ["y"], name="second"),
    ]
    table = opened(tmp_path, model_of(nodes, [value("x", [1, 3])], ["y"], [normal("w", 3, 3)])).table()
    assert table.totals.parameters == table.rows[0].parameters == 9
    assert row(table, "first").own_parameters == row(table, "second").own_parameters == 9
    assert row(table, "first").shared_with == ["second"]


def test_weights_that_only_the_body_of_an_if_reads_belong_to_it(tmp_path):
    yes = helper.make_graph([helper.make_node("Add", ["x", "w"], ["t"])], "yes", [], [value("t", [2])])
    no = helper.make_graph([helper.make_node("Neg", ["x"], ["f"])], "no", [], [value("f", [2])])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], name="if", then_branch=yes, else_branch=no),
    ]
    weights = [normal("w", 2), array("zero", numpy.float32(0))]
    table = opened(tmp_path, model_of(nodes, [value("x", [2])], ["y"], weights)).trace([], quiet)
    assert row(table, "if").parameters == row(table, "if/then_branch/Add_0").own_parameters == 2
    assert row(table, "if").receptive_field is None or row(table, "if").receptive_field.status == "unknown"
    assert table.outputs[0].shape == [2]


def executed_shapes(path, feeds):
    """Shapes of all node outputs, from onnxruntime itself."""
    model = onnx.load(path)
    named = {output.name for output in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in node.output if n and n not in named)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: list(found.shape) for name, found in zip(names, session.run(names, feeds), strict=True)}


@pytest.mark.parametrize("name", ["bvlc_alexnet", "squeezenet", "shufflenet"])
def test_shapes_of_the_packaged_models_are_those_of_a_run(name):
    path = str(PACKAGED / "light" / f"light_{name}.onnx")
    table = open_onnx(Recipe(target=path)).trace([], quiet)
    feeds = {one.name: numpy.zeros(one.shape, numpy.float32) for one in table.inputs}
    expected = executed_shapes(path, feeds)
    nodes = [row for row in table.rows if row.kind == "node"]
    graph = onnx.load(path).graph
    assert len(nodes) == len(graph.node)
    for one, node in zip(nodes, graph.node, strict=True):
        assert one.output_shapes[0] == expected[node.output[0]]
    assert table.outputs[0].shape == expected[graph.output[0].name]


def image_net(folder, flat):
    """A convolution, a flatten, and a layer that only fits an image of 28 × 28 where `flat` is 3136."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["y"], name="head"),
    ]
    weights = [normal("w", 4, 1, 3, 3), normal("head", flat, 10)]
    return opened(folder, model_of(nodes, [value("x", ["N", 1, "H", "W"])], ["y"], weights))


def test_open_sizes_are_tried_until_the_shapes_fit(tmp_path):
    table = image_net(tmp_path, 4 * 28 * 28).trace([], quiet)
    assert table.failure is None
    assert [(one.shape, one.origin) for one in table.inputs] == [([1, 1, 28, 28], "inferred")]


@pytest.mark.slow
def test_where_no_size_fits_the_failure_names_the_node_and_what_reached_it(tmp_path):
    table = image_net(tmp_path, 17).trace([], quiet)
    assert table.failure.path == "head"
    assert [one.text for one in table.failure.operands] == ["f", "head"]
    assert row(table, "Conv_0").reached
    assert not row(table, "head").reached


def test_the_batch_is_one_and_what_is_given_is_taken(tmp_path):
    live = opened(tmp_path, mlp())
    assert live.table().inputs[0].shape is None
    inferred = live.trace([], quiet).inputs[0]
    assert (inferred.shape, inferred.origin) == ([1, 3], "declared")
    given = live.trace([parse_input("7x3")], quiet)
    assert (given.inputs[0].origin, given.outputs[0].shape) == ("given", [7, 2])
    for wrong, words in (("2x4", "declares float32 batch×3"), ("z=1x3", "no such input"), ("1x3:int64", "int64")):
        with pytest.raises(RequestError, match=words):
            live.trace([parse_input(wrong)], quiet)
    with pytest.raises(RequestError, match="takes 1"):
        live.trace([parse_input("1x3"), parse_input("1x3")], quiet)


def test_one_symbol_is_one_size_in_all_inputs(tmp_path):
    inputs = [value("ids", ["batch", "steps"], INT64), value("mask", ["batch", "steps"], INT64)]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Cast", ["mask"], ["m"], to=FLOAT),
        helper.make_node("Unsqueeze", ["m", "last"], ["u"]),
        helper.make_node("Mul", ["e", "u"], ["y"]),
    ]
    live = opened(tmp_path, model_of(nodes, inputs, ["y"], [normal("table", 6, 8), array("last", [2])]))
    shapes = [one.shape for one in live.trace([], quiet).inputs]
    assert shapes[0] == shapes[1]
    with pytest.raises(RequestError, match="mask"):
        live.trace([parse_input("ids=2x5:int64"), parse_input("mask=2x6:int64")], quiet)
    report = live.forward(
        ForwardSettings(inputs=[parse_input("ids=400x5:int64"), parse_input("mask=400x5:int64")]), quiet
    )
    assert report.table.failure is None
    gathered = next(run for run, one in zip(report.runs, report.table.rows, strict=True) if one.type == "Gather")
    largest = onnx.numpy_helper.to_array(live.graph.initializers["table"]).max()
    # Every row of the table is met, the last one too, and no index lies outside.
    assert gathered.statistics.max == pytest.approx(largest)


def test_shapes_that_depend_on_values_come_from_a_run(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["i"]), helper.make_node("Transpose", ["i"], ["y"])]
    model = model_of(nodes, [value("x", [2, 3])], [])
    model.graph.output.append(value("y", None, INT64))
    table = opened(tmp_path, model).trace([], quiet)
    assert table.outputs[0].shape == [6, 2]
    assert any(note.code == "real-pass" for note in table.notes)


def test_words_are_made_up_and_other_words_can_be_given(tmp_path):
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="UPPER", locale="C")
    model = model_of([node], [value("x", [2], TensorProto.STRING)], [])
    model.graph.output.append(value("y", None, TensorProto.STRING))
    live = opened(tmp_path, model)
    assert live.trace([], quiet).inputs[0].spec == "x==['one', 'two']"
    report = live.forward(ForwardSettings(inputs=[parse_input("x==['left', 'right']")]), quiet)
    assert report.table.failure is None
    assert (report.outputs[0].dtype, report.outputs[0].shape) == ("string", [2])
    assert "LEFT" in report.outputs[0].text
    assert report.outputs[0].statistics is None


def test_keys_are_explained_part_by_part(tmp_path):
    live = opened(tmp_path, mlp())
    explained = {one.key: one for one in live.explain([])}
    assert set(explained) == {tensor.key for tensor in live.table().tensors}
    for one in explained.values():
        assert ".".join(part.text for part in one.parts) == one.key
    hidden = explained["hidden.weight"].parts
    assert [part.kind for part in hidden] == ["attribute", "parameter"]
    assert "out_features=5, in_features=3" in hidden[1].explanation
    assert "in_features=5, out_features=2" in explained["onnx::MatMul_12"].parts[0].explanation
    with pytest.raises(RequestError, match=r"hidden\.weight"):
        live.explain(["hiden.weight"])


def test_the_source_of_a_row_is_its_nodes(tmp_path):
    live = opened(tmp_path, mlp())
    assert "Gemm" in live.source("/hidden/Gemm").text
    assert len(live.source("").text.splitlines()) == 4
    assert len(live.source("/output").text.splitlines()) == 2
    with pytest.raises(RequestError, match="no node or scope"):
        live.source("nowhere")


def test_looking_changes_nothing_in_the_file_or_the_graph(tmp_path):
    path = saved(tmp_path, mlp())
    live = open_onnx(Recipe(target=path))
    before, content = live.graph.model.SerializeToString(), Path(path).read_bytes()
    live.trace([], quiet)
    live.forward(ForwardSettings(), quiet)
    live.compare_clone([], 0, quiet)
    assert live.graph.model.SerializeToString() == before
    assert Path(path).read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]


def test_a_node_tells_the_bytes_of_what_it_makes_and_holds(tmp_path):
    graph = opened(tmp_path, mlp())
    table = graph.trace([], quiet)
    for one in table.rows:
        sizes = {"float32": 4, "int64": 8, "bool": 1}
        elements = sum(int(numpy.prod(shape)) for shape in one.output_shapes)
        assert one.output_bytes == elements * sizes[one.dtype]
        assert one.parameter_bytes == 4 * one.parameters
    assert table.rows[0].parameter_bytes == table.totals.parameter_bytes
    with pytest.raises(RequestError, match="PyTorch models only"):
        graph.memory(MemorySettings(), quiet)
