"""Where tensors lie, what they are, and which modules the nodes that read them came from."""

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import array, model_of, normal, opened, quiet, saved, value
from onnx_mutations import quantised

from inspector.core.edits import Edit
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.content import GRAPH, INITIALIZER, RAW_DATA
from inspector.engine.onnx_model.wire import head

node = helper.make_node


def row(table, path):
    (found,) = [one for one in table.rows if one.path == path]
    return found


def large():
    """One weight of 4 MB, kept in the file, and one that is small."""
    nodes = [node("MatMul", ["x", "big"], ["h"]), node("Add", ["h", "bias"], ["y"])]
    return model_of(nodes, [value("x", [1, 1024])], ["y"], [normal("big", 1024, 1024), normal("bias", 1024, seed=1)])


def test_a_large_inline_weight_stays_in_its_file_and_is_read_there(tmp_path):
    live = opened(tmp_path, large())
    held = live.graph.model.graph.initializer[0]
    assert held.data_location == TensorProto.EXTERNAL
    assert not held.raw_data
    expected = numpy_helper.to_array(large().graph.initializer[0])
    assert live.values("big", "[3, 5:9]", 9).rows == [expected[3, 5:9].tolist()]
    report = live.forward(ForwardSettings(), quiet)
    assert report.first_nonfinite is None
    assert not [note for note in report.table.notes if note.code == "external-data"]


def test_a_large_weight_that_says_itself_that_it_is_inside_is_read_too(tmp_path):
    """As onnx writes every weight that it has read from a file of data before."""
    model = large()
    model.graph.initializer[0].data_location = TensorProto.DEFAULT
    assert model.graph.initializer[0].HasField("data_location")
    expected = numpy_helper.to_array(model.graph.initializer[0])
    live = opened(tmp_path, model)
    assert live.values("big", "[3, 5:9]", 9).rows == [expected[3, 5:9].tolist()]
    live.save(str(tmp_path / "new.onnx"), overwrite=False)
    onnxruntime.InferenceSession(str(tmp_path / "new.onnx"), providers=["CPUExecutionProvider"])
    written = onnx.load(tmp_path / "new.onnx").graph.initializer
    assert numpy.array_equal(numpy_helper.to_array(next(one for one in written if one.name == "big")), expected)


def test_saved_over_itself_the_model_that_is_open_still_reads_its_own_weights(tmp_path):
    live = opened(tmp_path, large())
    before = live.forward(ForwardSettings(), quiet).outputs[0].text
    live.apply(Edit(action="initialise", where="bias", argument="zeros"))
    live.save(str(tmp_path / "net.onnx"), overwrite=True)
    again = onnx.load(tmp_path / "net.onnx")
    onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in again.graph.initializer}
    assert numpy.array_equal(tensors["big"], numpy_helper.to_array(large().graph.initializer[0]))
    assert not tensors["bias"].any()
    live.apply(Edit(action="set_element", where="big", index=[0, 0], argument="5"))
    assert live.values("big", "[0, 0]", 1).rows == [[5.0]]
    assert live.forward(ForwardSettings(), quiet).outputs[0].text != before
    assert live.values("bias", "", 1).rows == [[0.0]]


def test_the_weights_of_a_saved_copy_are_the_same_to_the_bit(tmp_path):
    assert opened(tmp_path, large()).compare_clone([], 0, quiet).equal


@pytest.mark.parametrize("linear", [True, False])
def test_sparse_initializers_are_tensors_of_their_whole_shape_with_the_bytes_that_are_stored(tmp_path, linear):
    places = [1, 5] if linear else [[0, 1], [1, 2]]
    sparse = onnx.SparseTensorProto(dims=[2, 3])
    sparse.values.CopyFrom(array("w", numpy.float32([7, 8])))
    sparse.indices.CopyFrom(array("w_indices", numpy.int64(places)))
    model = model_of([node("MatMul", ["x", "w"], ["y"])], [value("x", [4, 2])], ["y"])
    model.graph.sparse_initializer.append(sparse)
    live = opened(tmp_path, model)
    (tensor,) = live.table().tensors
    stored = 2 * 4 + 8 * numpy.size(places)
    assert (tensor.key, tensor.shape, tensor.kind, tensor.bytes) == ("w", [2, 3], "parameter", stored)
    assert live.values("w", "", 9).rows == [[0, 7, 0], [0, 0, 8]]
    assert live.values("w", "[1]", 9).rows == [[0, 0, 8]]
    assert row(live.table(), "MatMul_0").own_parameters == 6
    assert "MatMul_0" in live.explain(["w"])[0].parts[-1].explanation


def test_the_sparse_value_of_a_constant_is_a_tensor_too(tmp_path):
    sparse = onnx.SparseTensorProto(dims=[4])
    sparse.values.CopyFrom(array("v", numpy.float32([9])))
    sparse.indices.CopyFrom(array("", numpy.int64([2])))
    nodes = [node("Constant", [], ["w"], sparse_value=sparse), node("Add", ["x", "w"], ["y"])]
    live = opened(tmp_path, model_of(nodes, [value("x", [4])], ["y"]))
    assert live.values("w", "", 9).rows == [[0, 0, 9, 0]]


def test_a_quantised_weight_belongs_to_the_node_that_reads_its_numbers(tmp_path):
    live = opened(tmp_path, quantised())
    table = live.trace([], quiet)
    kinds = {tensor.key: (tensor.kind, tensor.trainable) for tensor in table.tensors}
    assert kinds["w"] == ("parameter", False)
    assert {kinds[name] for name in ("w_scale", "w_zero", "x_scale", "x_zero")} == {("buffer", False)}
    assert row(table, "conv").own_parameters == 4 * 3 * 3 * 3
    assert row(table, "DequantizeLinear_2").parameters == 0
    assert (table.totals.parameters, table.totals.trainable_parameters) == (108, 0)
    said = live.explain(["w"])[0].parts[-1].explanation
    assert "DequantizeLinear_2" in said
    assert "out_channels=4, in_channels/groups=3, kernel 3×3] of conv (Conv)" in said
    assert "(q − z)·s" in live.explain(["w_scale"])[0].parts[-1].explanation


def test_weights_of_integer_operators_are_parameters_and_their_scales_are_not(tmp_path):
    one, zero = numpy.float32(0.5), numpy.uint8(3)
    weights = [
        array("xs", one), array("xz", zero), array("w", numpy.ones((4, 3, 3, 3), numpy.uint8)), array("ws", one),
        array("wz", zero), array("ys", one), array("yz", zero), array("b", numpy.ones(4, numpy.int32)),
    ]  # fmt: skip
    nodes = [node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], name="conv")]
    model = model_of(nodes, [value("x", [1, 3, 8, 8], TensorProto.UINT8)], [], weights)
    model.graph.output.append(value("y", None, TensorProto.UINT8))
    live = opened(tmp_path, model)
    table = live.trace([], quiet)
    assert [tensor.key for tensor in table.tensors if tensor.kind == "parameter"] == ["w", "b"]
    assert "out_channels=4" in live.explain(["w"])[0].parts[-1].explanation


def test_nodes_without_names_are_grouped_by_the_weights_that_they_read(tmp_path):
    normalisation = [f"layer1.0.bn1.{part}" for part in ("weight", "bias", "mean", "var")]
    nodes = [
        node("Conv", ["x", "layer1.0.conv1.weight"], ["a"], name="Conv_0", pads=[1] * 4),
        node("BatchNormalization", ["a", *normalisation], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Conv", ["c", "layer1.0.conv2.weight"], ["d"], name="Conv_3", pads=[1] * 4),
        node("Add", ["d", "x"], ["e"]),
        node("Conv", ["e", "layer1.1.conv1.weight"], ["f"], name="Conv_5", pads=[1] * 4),
        node("GlobalAveragePool", ["f"], ["g"]),
        node("Flatten", ["g"], ["h"]),
        node("Gemm", ["h", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    convolutions = ("layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1")
    weights = [normal(f"{name}.weight", 3, 3, 3, 3) for name in convolutions]
    weights += [array(name, numpy.ones(3, numpy.float32)) for name in normalisation]
    weights += [normal("fc.weight", 5, 3), normal("fc.bias", 5)]
    table = opened(tmp_path, model_of(nodes, [value("x", [1, 3, 8, 8])], ["y"], weights)).trace([], quiet)
    names = {one.index: one.path for one in table.rows}
    within = {one.path: names[one.parent] for one in table.rows if one.kind == "node"}
    assert within == {
        "Conv_0": "layer1.0.conv1",
        "BatchNormalization_1": "layer1.0.bn1",
        "Relu_2": "layer1.0",
        "Conv_3": "layer1.0.conv2",
        "Add_4": "layer1",
        "Conv_5": "layer1.1.conv1",
        "GlobalAveragePool_6": "",
        "Flatten_7": "",
        "Gemm_8": "fc",
    }
    assert row(table, "layer1.0").parameters == 2 * 81 + 6
    assert "prefixes" in next(note.message for note in table.notes if note.code == "onnx-groups")


def test_nodes_that_a_quantiser_put_in_go_where_their_numbers_are_read(tmp_path):
    model = quantised()
    model.graph.node[0].name, model.graph.node[1].name = "x_QuantizeLinear", "x_DequantizeLinear"
    model.graph.node[2].name, model.graph.node[3].name = "w_DequantizeLinear", "/block/conv/Conv"
    table = opened(tmp_path, model).table()
    assert row(table, "w_DequantizeLinear").parent == row(table, "/block/conv").index
    assert sum(one.path == "/block" for one in table.rows) == 1


@pytest.mark.parametrize("names", [["N1", "N2"], ["", ""]])
def test_without_any_basis_no_groups_are_made_up(tmp_path, names):
    nodes = [
        node("MatMul", ["x", "coef"], ["h"], name=names[0]),
        node("Add", ["h", "Ad_Addcst"], ["y"], name=names[1]),
    ]
    table = opened(
        tmp_path, model_of(nodes, [value("x", [1, 3])], ["y"], [normal("coef", 3, 2), normal("Ad_Addcst", 2)])
    )
    assert [one.kind for one in table.table().rows] == ["module", "node", "node"]


def test_what_training_left_behind_is_noted(tmp_path):
    nodes = [
        node("BatchNormalization", ["x", "s", "s", "s", "s"], ["h", "m", "v"], name="bn", training_mode=1),
        node("Dropout", ["h", "", "on"], ["y"], name="drop"),
    ]
    tensors = [array("s", numpy.ones(3, numpy.float32)), array("on", numpy.bool_(True)), normal("momentum", 3)]
    model = model_of(nodes, [value("x", [2, 3])], ["y"], tensors)
    model.training_info.add().algorithm.name = "step"
    notes = [note.message for note in opened(tmp_path, model).table().notes]
    assert any("1 initializer (momentum) is read by no node" in said for said in notes)
    assert any("2 nodes (bn, drop) are in training mode" in said for said in notes)
    assert any("1 training graph" in said for said in notes)


def test_files_beyond_two_gigabytes_are_read(tmp_path):
    model, size = model_of([node("Gather", ["big", "x"], ["y"])], [value("x", [1], TensorProto.INT64)], ["y"]), 5 << 29
    declared = TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[5 << 17, 1024]).SerializeToString()
    weight = declared + head(RAW_DATA, size)
    nodes = model.graph.SerializeToString()
    model.ClearField("graph")
    start = head(INITIALIZER, len(weight) + size) + weight
    path = tmp_path / "net.onnx"
    with path.open("wb") as file:
        file.write(model.SerializeToString() + head(GRAPH, len(nodes) + len(start) + size) + nodes + start)
        file.seek(size - 4, 1)
        file.write(numpy.float32(2.5).tobytes())
    live = open_onnx(Recipe(target=str(path)))
    assert live.trace([], quiet).totals.parameters == size // 4
    assert live.graph.files.array(live.graph.initializers["big"])[-1, -1] == 2.5


def test_all_node_outputs_are_those_of_onnxruntime_for_a_quantised_model(tmp_path):
    path = saved(tmp_path, quantised())
    given = numpy.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(numpy.float32)
    numpy.save(tmp_path / "x.npy", given)
    report = open_onnx(Recipe(target=path)).forward(
        ForwardSettings(inputs=[InputSpec(name="x", file=str(tmp_path / "x.npy"))]), quiet
    )
    (expected,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": given})
    assert report.outputs[0].statistics.mean == pytest.approx(float(expected.mean()), rel=1e-5)
