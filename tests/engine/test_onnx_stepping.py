"""Stepping along a run of an ONNX graph: the values at the stops are those that onnxruntime itself gives."""

import numpy
import onnx
import onnxruntime
import pytest
from live_models import silent
from onnx import TensorProto, helper, numpy_helper
from zoo_samples import FOLDER

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.stops import OtherRun, StepSettings
from inspector.engine.drawing_inputs import draw_inputs
from inspector.engine.onnx_model.model import open_onnx

LENET = FOLDER / "lenet.onnx"


def stops_of(target, **settings):
    """All stops, and the report of the end."""
    model = open_onnx(Recipe(target=str(target)))
    model.trace([], silent)
    stepping = model.step_through(StepSettings(**settings), silent)
    report, stops = stepping.start(), []
    while report.stop is not None:
        assert not stepping.is_over
        stops.append(report.stop)
        report = stepping.go(settings.get("command", "into"), None, silent)
    assert stepping.is_over
    return stops, report


def values_by_onnxruntime(spec):
    """Every node's output: each made an output of the graph."""
    proto = onnx.load(LENET)
    names = [name for node in proto.graph.node for name in node.output]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    (x,) = draw_inputs([spec], 0)
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: x.numpy()}), strict=True))


def test_every_node_is_a_stop_with_what_onnxruntime_gives():
    spec = InputSpec(name=onnx.load(LENET).graph.input[0].name, shape=[1, 3, 32, 32])
    expected = values_by_onnxruntime(spec)
    stops, end = stops_of(LENET, inputs=[spec], command="row")
    found = {one.name: one for stop in stops for one in stop.outputs}
    assert list(found) == [name for name in expected if name in found]
    assert len(stops) == sum(node.op_type != "Constant" for node in onnx.load(LENET).graph.node)
    for name, one in found.items():
        assert one.shape == list(expected[name].shape)
        # Sessions may add up in another order.
        values = expected[name].astype(numpy.float64)
        numbers = [one.statistics.min, one.statistics.max, one.statistics.mean]
        assert numbers == pytest.approx([values.min(), values.max(), values.mean()], rel=1e-5, abs=1e-7)
    assert (end.state, len(end.outputs)) == ("finished", 1)


def test_breakpoints_hold_at_nodes():
    stops, _ = stops_of(LENET, command="continue", breakpoints=["/fc1*", "shape[-1] == 400", "type:MaxPool"])
    assert [(stop.row.path, stop.why) for stop in stops] == [
        ("/MaxPool", "breakpoint"), ("/MaxPool_1", "breakpoint"), ("/Reshape", "breakpoint"),
        ("/fc1/Gemm", "breakpoint"),
    ]  # fmt: skip
    weight = next(one for one in stops[-1].arguments if one.name == "fc1.weight")
    assert (weight.shape, weight.statistics) == ([120, 400], None)


def test_out_leaves_the_scope():
    model = open_onnx(Recipe(target=str(LENET)))
    model.trace([], silent)
    stepping = model.step_through(StepSettings(command="continue", breakpoints=["/conv1/*"]), silent)
    assert stepping.start().stop.row.path == "/conv1/Conv"
    assert stepping.go("out", [], silent).stop.row.path == "/Relu"
    assert stepping.go("end", None, silent).state == "left"


def test_a_graph_that_fails_stops_at_the_node_that_does(tmp_path):
    made = numpy_helper.from_array(numpy.array([3, 5], dtype=numpy.int64), "sizes")
    nodes = [helper.make_node("Relu", ["x"], ["y"], "relu"), helper.make_node("Reshape", ["y", "sizes"], ["z"], "fold")]
    declared = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [2, 4]), ("z", None))
    ]
    graph = helper.make_graph(nodes, "net", declared[:1], declared[1:], [made])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx"
    )
    stops, end = stops_of(tmp_path / "net.onnx", command="continue")
    assert end.state == "failed"
    assert [(stop.why, stop.row.type) for stop in stops] == [("failure", "Reshape")]
    assert stops[0].failure == end.failure
    assert [one.name for one in stops[0].arguments] == ["y", "sizes"]


def test_what_a_graph_cannot_do_is_said():
    with pytest.raises(RequestError, match="no Python variables"):
        stops_of(LENET, changes=["/conv1/Conv: = output * 2"])
    with pytest.raises(RequestError, match="no module of this model"):
        stops_of(LENET, breakpoints=["conv9"])


def outputs_with(change):
    """onnxruntime's output where what conv1 puts out is changed by hand: the graph cut there, the rest fed with it."""
    proto = onnx.load(LENET)
    at = next(number for number, node in enumerate(proto.graph.node) if node.op_type == "Conv")
    cut = proto.graph.node[at].output[0]
    spec = InputSpec(name=proto.graph.input[0].name, shape=[1, 3, 32, 32])
    value = change(values_by_onnxruntime(spec)[cut].copy())
    del proto.graph.node[: at + 1]
    del proto.graph.input[:]
    proto.graph.input.append(helper.make_tensor_value_info(cut, TensorProto.FLOAT, value.shape))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {cut: value})[0]


def with_element(value):
    value[0, 2, 3, 4] = 7
    return value


CHANGES = {
    "zero": lambda value: value * 0,
    "scale(-2)": lambda value: value * -2,
    "clamp(-0.1, 0.2)": lambda value: value.clip(-0.1, 0.2),
    "[0, 2, 3, 4] = 7": with_element,
}


def first_convolution():
    return next(row.path for row in open_onnx(Recipe(target=str(LENET))).table().rows if row.type == "Conv")


@pytest.mark.parametrize("text", CHANGES)
@pytest.mark.parametrize("when", ["at the stop", "on the way"])
def test_a_change_does_what_a_cut_graph_does(text, when):
    spec = InputSpec(name=onnx.load(LENET).graph.input[0].name, shape=[1, 3, 32, 32])
    model, path = open_onnx(Recipe(target=str(LENET))), first_convolution()
    settings = StepSettings(inputs=[spec], command="continue", breakpoints=[path])
    if when == "on the way":
        settings = StepSettings(inputs=[spec], command="continue", changes=[f"{path}: {text}"])
    stepping = model.step_through(settings, silent)
    report = stepping.start()
    if when == "at the stop":
        stop = stepping.change(text).stop
        assert stop.changes == [text]
        report = stepping.go("continue", None, silent)
    assert report.state == "finished"
    assert report.changes == [f"{path} (Conv): {text}"]
    expected = outputs_with(CHANGES[text])
    [output] = report.outputs
    assert output.statistics.max == pytest.approx(expected.max(), rel=1e-5)
    assert output.statistics.mean == pytest.approx(expected.mean(dtype=numpy.float64), rel=1e-4, abs=1e-6)


def test_a_value_of_another_run_takes_the_place():
    spec = InputSpec(name=onnx.load(LENET).graph.input[0].name, shape=[1, 3, 32, 32])
    model, path = open_onnx(Recipe(target=str(LENET))), first_convolution()
    settings = StepSettings(inputs=[spec], command="continue", changes=[f"{path}: other"], other=OtherRun(seed=5))
    changed = model.step_through(settings, silent).start()
    # All that follows hangs on the first convolution alone.
    other = model.forward(ForwardSettings(inputs=[spec], seed=5), silent)
    assert changed.outputs[0].text == other.outputs[0].text


def test_changes_that_do_not_fit_are_refused_and_change_nothing():
    model, path = open_onnx(Recipe(target=str(LENET))), first_convolution()
    stepping = model.step_through(StepSettings(command="continue", breakpoints=[path]), silent)
    before = stepping.start().stop
    for text in ("= output * 2", "[9, 9] = 1", "other", "zero @3"):
        with pytest.raises(RequestError):
            stepping.change(text)
    assert stepping.look().stop == before
    with pytest.raises(RequestError, match="no module of this model"):
        model.step_through(StepSettings(changes=["nowhere: zero"]), silent)
