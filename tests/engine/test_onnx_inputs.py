"""Inputs of ONNX models: what is made up fits what reads it, and every kind can be given."""

import ml_dtypes
import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import FLOAT, INT64, array, model_of, normal, opened, quiet, value

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, parse_input


def forwarded(folder, node, inputs, weights=(), opset=17, given=(), kind=FLOAT):
    """A pass of one node on inputs that are made up, but for those given."""
    nodes = node if isinstance(node, list) else [node]
    model = model_of(nodes, inputs, [], list(weights), opset)
    names = [name for name in nodes[-1].output if name]
    model.graph.output.extend(value(name, None, kind) for name in names)
    live = opened(folder, model)
    return live.forward(ForwardSettings(inputs=[parse_input(text) for text in given]), quiet)


X = value("x", [2, 3, 8, 6])

SHAPE_LIKE = {
    "Reshape": (["x", "n"], [value("n", [3], INT64)]),
    "Expand": (["x", "n"], [value("n", [4], INT64)]),
    "Tile": (["x", "n"], [value("n", [4], INT64)]),
    "Slice": (["x", "from", "to", "axes", "steps"], [value(n, [2], INT64) for n in ("from", "to", "axes", "steps")]),
    "Pad": (["x", "n"], [value("n", [8], INT64)]),
    "Unsqueeze": (["x", "n"], [value("n", [2], INT64)]),
    "ReduceSum": (["x", "n"], [value("n", [2], INT64)]),
    "CumSum": (["x", "n"], [value("n", [], INT64)]),
}


@pytest.mark.parametrize("operator", SHAPE_LIKE)
def test_inputs_that_say_what_to_do_say_something_that_can_be_done(tmp_path, operator):
    names, inputs = SHAPE_LIKE[operator]
    report = forwarded(tmp_path, helper.make_node(operator, names, ["y"]), [X, *inputs])
    assert report.table.failure is None
    assert report.outputs[0].statistics is not None


def test_a_resize_keeps_the_size_where_nobody_says_otherwise(tmp_path):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"])
    report = forwarded(tmp_path, node, [X, value("sizes", [4], INT64)])
    assert report.outputs[0].shape == [2, 3, 8, 6]
    assert next(one.spec for one in report.table.inputs if one.name == "sizes") == "sizes==[2, 3, 8, 6]"


def test_two_parts_of_a_split_make_up_the_whole(tmp_path):
    node = helper.make_node("Split", ["x", "parts"], ["a", "b"], axis=2)
    report = forwarded(tmp_path, node, [X, value("parts", [2], INT64)])
    assert [one.shape for one in report.outputs] == [[2, 3, 4, 6], [2, 3, 4, 6]]


@pytest.mark.parametrize("operator", ["GatherElements", "ScatterElements"])
def test_indices_lie_within_the_axis_that_they_index(tmp_path, operator):
    names = ["x", "at", "x2"][: 3 if operator == "ScatterElements" else 2]
    inputs = [value("x", [5, 4]), value("at", [300, 4], INT64), value("x2", [300, 4])][: len(names)]
    node = helper.make_node(operator, names, ["y"], axis=0)
    assert forwarded(tmp_path, node, inputs).table.failure is None


def test_indices_into_a_table_that_is_an_input_itself_lie_within_it(tmp_path):
    node = helper.make_node("Gather", ["table", "at"], ["y"])
    report = forwarded(tmp_path, node, [value("table", [7, 2]), value("at", [500], INT64)])
    assert report.table.failure is None
    assert [one.spec for one in report.table.inputs][1] == "at=500:int64~range(0,7)"


def test_what_cannot_be_told_is_asked_for(tmp_path):
    nodes = [
        helper.make_node("NonZero", ["x"], ["found"]),
        helper.make_node("Split", ["found", "parts"], ["a", "b"], axis=1),
    ]
    inputs = [value("x", [4, 4]), value("parts", [2], INT64)]
    with pytest.raises(RequestError, match=r"input 'parts' tells Split .* give it: --input parts==VALUE"):
        forwarded(tmp_path, nodes, inputs, kind=INT64)


@pytest.mark.parametrize("name", ["int4", "uint4", "float8_e4m3fn", "float8_e5m2", "bfloat16", "uint16", "uint64"])
def test_numbers_of_every_type_are_made_up(tmp_path, name):
    code = helper.np_dtype_to_tensor_dtype(numpy.dtype(getattr(ml_dtypes, name, None) or name))
    node = helper.make_node("Cast", ["x"], ["y"], to=FLOAT)
    report = forwarded(tmp_path, node, [value("x", [3, 4], code)], opset=21)
    assert report.table.failure is None
    assert report.table.inputs[0].dtype == name
    assert report.outputs[0].statistics.std > 0


@pytest.mark.parametrize("name", ["int4", "bfloat16", "float8_e4m3fn", "float4_e2m1fn"])
def test_numbers_of_every_type_are_read_from_files(tmp_path, name):
    numbers = numpy.array([[1.0, 2.0], [3.0, 4.0]]).astype(numpy.dtype(getattr(ml_dtypes, name)))
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(numbers, "x").SerializeToString())
    code = helper.np_dtype_to_tensor_dtype(numbers.dtype)
    node = helper.make_node("Cast", ["x"], ["y"], to=FLOAT)
    report = forwarded(tmp_path, node, [value("x", [2, 2], code)], opset=23, given=[f"x=@{tmp_path}/x.pb"])
    assert report.table.failure is None
    assert (report.outputs[0].statistics.min, report.outputs[0].statistics.max) == (1.0, 4.0)


def sequence_model():
    node = helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0)
    sequence = helper.make_tensor_sequence_value_info("s", FLOAT, None)
    return model_of([node], [sequence], ["y"])


def test_a_sequence_is_given_as_a_file_or_as_a_list(tmp_path):
    parts = [numpy.array([1.0, 2.0], numpy.float32), numpy.array([6.0], numpy.float32)]
    (tmp_path / "s.pb").write_bytes(numpy_helper.from_list(parts, "s").SerializeToString())
    live = opened(tmp_path, sequence_model())
    for text in (f"s=@{tmp_path}/s.pb", "s==[[1.0, 2.0], [6.0]]"):
        shown = live.forward(ForwardSettings(inputs=[parse_input(text)]), quiet).outputs[0]
        assert (shown.shape, shown.statistics.mean, shown.statistics.max) == ([3], 3.0, 6.0)
    with pytest.raises(RequestError, match=r"no sequence of float32"):
        live.forward(ForwardSettings(inputs=[parse_input("s==5")]), quiet)


def test_a_sequence_that_nobody_gives_is_asked_for(tmp_path):
    live = opened(tmp_path, sequence_model())
    note = next(note for note in live.trace([], quiet).notes if note.code == "no-input")
    assert "sequence of float32" in note.message
    assert "--input s=@FILE.pb" in note.message


def test_an_optional_may_be_empty(tmp_path):
    node = helper.make_node("OptionalHasElement", ["o"], ["y"])
    optional = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [2]))
    model = model_of([node], [helper.make_value_info("o", optional)], [], opset=18)
    model.graph.output.append(value("y", None, TensorProto.BOOL))
    live = opened(tmp_path, model)
    for text, there in (("o==None", 0.0), ("o==[1.0, 2.0]", 1.0)):
        assert live.forward(ForwardSettings(inputs=[parse_input(text)]), quiet).outputs[0].statistics.mean == there


def test_of_an_archive_the_array_named_like_the_input_is_taken(tmp_path):
    numpy.savez(tmp_path / "both.npz", x=numpy.full((2, 3), 5.0, numpy.float32), other=numpy.zeros(1))
    numpy.savez(tmp_path / "neither.npz", a=numpy.zeros(1), b=numpy.zeros(1))
    live = opened(tmp_path, model_of([helper.make_node("Neg", ["x"], ["y"])], [value("x", [2, 3])], ["y"]))
    assert (
        live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "both.npz"))]), quiet)
        .outputs[0]
        .statistics.max
        == -5.0
    )
    with pytest.raises(RequestError, match="2 arrays, and none is named 'x'"):
        live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "neither.npz"))]), quiet)


def test_a_file_that_points_to_yet_another_file_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(numpy.ones(6, numpy.float32).tobytes())
    proto = TensorProto(name="x", data_type=FLOAT, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    proto.external_data.add(key="location", value=str(tmp_path / "secret"))
    (tmp_path / "x.pb").write_bytes(proto.SerializeToString())
    live = opened(tmp_path, model_of([helper.make_node("Neg", ["x"], ["y"])], [value("x", [2, 3])], ["y"]))
    with pytest.raises(RequestError, match="yet another file"):
        live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "x.pb"))]), quiet)


def test_what_is_no_tensor_at_all_is_named(tmp_path):
    (tmp_path / "x.pb").write_bytes(b"\xff\xff not a message")
    live = opened(tmp_path, model_of([helper.make_node("Neg", ["x"], ["y"])], [value("x", [2, 3])], ["y"]))
    with pytest.raises(RequestError, match=r"x\.pb cannot be read"):
        live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "x.pb"))]), quiet)


def test_recurrent_layers_get_the_whole_length(tmp_path):
    weights = [normal("w", 1, 12, 2), normal("r", 1, 12, 3), array("b", numpy.zeros((1, 24), numpy.float32))]
    node = helper.make_node("LSTM", ["x", "w", "r", "b", "lengths"], ["y"], hidden_size=3)
    report = forwarded(tmp_path, node, [value("x", [5, 4, 2]), value("lengths", [4], TensorProto.INT32)], weights)
    assert report.table.failure is None
    assert report.table.inputs[1].spec == "lengths==[5, 5, 5, 5]"


def test_a_setting_of_endless_length_is_not_made_up(tmp_path):
    node = helper.make_node("Reshape", ["x", "to"], ["y"])
    graph = model_of([node], [value("x", [2, 3]), value("to", [10**12], INT64)], ["y"])
    notes = opened(tmp_path, graph).trace([], quiet).notes
    assert "no tensor has as many axes" in next(note.message for note in notes if note.code == "no-input")


def test_a_state_whose_batch_has_no_name_is_as_large_as_the_batch(tmp_path):
    nodes = [
        helper.make_node("Unsqueeze", ["x", "one"], ["rows"]),
        helper.make_node("Conv", ["rows", "w"], ["windows"]),
        helper.make_node("ReduceMean", ["windows"], ["features"], axes=[2], keepdims=0),
        helper.make_node("Gather", ["state", "zero"], ["last"]),
        helper.make_node("Concat", ["features", "last"], ["y"], axis=1),
    ]
    inputs = [value("x", ["N", "L"]), value("state", [2, "unnamed", 4])]
    held = [normal("w", 4, 1, 64), array("one", [1]), array("zero", 0)]
    table = opened(tmp_path, model_of(nodes, inputs, ["y"], held)).trace([], quiet)
    assert table.failure is None
    assert [one.shape for one in table.inputs] == [[1, 64], [2, 1, 4]]


def test_a_symbol_that_is_a_batch_somewhere_is_the_batch_everywhere(tmp_path):
    nodes = [helper.make_node("Gather", ["state", "zero"], ["last"]), helper.make_node("Add", ["x", "last"], ["y"])]
    inputs = [value("x", ["N", 4]), value("state", [2, "N", 4])]
    table = opened(tmp_path, model_of(nodes, inputs, ["y"], [array("zero", 0)])).trace([], quiet)
    assert [one.shape for one in table.inputs] == [[1, 4], [2, 1, 4]]


@pytest.mark.parametrize("flipped", [False, True])
def test_a_number_that_chooses_a_branch_is_one_that_the_graph_asks_for(tmp_path, flipped):
    """As the sampling rate of a speech model."""
    wanted, other = value("a", None), value("b", None)
    then = helper.make_graph([helper.make_node("Identity", ["x"], ["a"])], "then", [], [wanted])
    otherwise = helper.make_graph([helper.make_node("Neg", ["x"], ["b"])], "else", [], [other])
    nodes = [
        helper.make_node("Equal", ["asked", "rate"] if flipped else ["rate", "asked"], ["is"]),
        helper.make_node("If", ["is"], ["y"], then_branch=then, else_branch=otherwise),
    ]
    inputs = [value("x", [1, 4]), value("rate", [], INT64)]
    model = model_of(nodes, inputs, ["y"], [array("asked", 16000)])
    table = opened(tmp_path, model).trace([], quiet)
    assert table.failure is None
    assert table.inputs[1].spec == "rate==16000"


def test_images_with_their_channels_last_are_square(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["image"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["image", "w"], ["y"]),
    ]
    model = model_of(nodes, [value("x", ["N", "H", "W", 3])], ["y"], [normal("w", 4, 3, 3, 3)])
    assert opened(tmp_path, model).trace([], quiet).inputs[0].shape == [1, 224, 224, 3]


def test_a_length_that_an_export_wrote_down_is_tried(tmp_path):
    """As torch's older exporter does in attention; 12 is none of the usual lengths."""
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "two"], ["width"]),
        helper.make_node("Unsqueeze", ["length", "zero"], ["l"]),
        helper.make_node("Unsqueeze", ["width", "zero"], ["w"]),
        helper.make_node("Concat", ["l", "w"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    held = [array("two", 2), array("length", 12), array("zero", [0])]
    table = opened(tmp_path, model_of(nodes, [value("x", ["N", "L", 8])], ["y"], held)).trace([], quiet)
    assert table.failure is None
    assert table.inputs[0].shape == [1, 12, 8]


@pytest.mark.parametrize("written", ["?", "-1", "*"])
def test_a_sign_in_the_place_of_a_name_stands_for_another_size_each_time(tmp_path, written):
    image = value("x", [1, 3, written, written])
    report = forwarded(tmp_path, helper.make_node("GlobalAveragePool", ["x"], ["y"]), [image], given=["x=1x3x48x192"])
    assert report.table.inputs[0].symbolic_shape == [1, 3, "x[2]", "x[3]"]
    assert report.outputs[0].shape == [1, 3, 1, 1]
