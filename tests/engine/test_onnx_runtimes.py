"""What else runs a graph than onnxruntime as it is: the reference evaluator, and onnxruntime with optimisations."""

import json

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_graphs import FLOAT, INT64, array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe, parse_input
from inspector.core.value_pictures import PictureSettings
from inspector.engine.onnx_model import open_onnx, reference
from inspector.engine.onnx_model.providers import device_of
from inspector.engine.onnx_model.runtime import _profiled


def notes(report, code):
    return [note.message for note in report.table.notes if note.code == code]


def half_precision_bits():
    """onnxruntime has no Expand of bfloat16 on the CPU; the standard does."""
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"], name="widen"),
        helper.make_node("Cast", ["wide"], ["y"], to=FLOAT, name="read"),
        helper.make_node("Log", ["y"], ["z"], name="log"),
    ]
    return model_of(nodes, [value("x", [1, 3], TensorProto.BFLOAT16)], ["y", "z"], [array("shape", [4, 3])])


def test_what_onnxruntime_lacks_is_run_by_the_reference_evaluator_and_said_so(tmp_path):
    path = saved(tmp_path, half_precision_bits())
    with pytest.raises(Exception, match="implementation"):
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    live = open_onnx(Recipe(target=path))
    assert live.trace([], quiet).outputs[0].shape == [4, 3]
    report = live.forward(ForwardSettings(inputs=[parse_input("x==[[1.0, 0.0, -4.0]]")]), quiet)
    assert report.table.failure is None
    assert "implementation for Expand" in notes(report, "reference-evaluator")[0]
    runs = {row.path: run for row, run in zip(report.table.rows, report.runs, strict=True)}
    assert (runs["read"].statistics.min, runs["read"].statistics.max) == (-4.0, 1.0)
    assert runs["widen"].seconds > 0
    # log 0 and log −4.
    assert (runs["log"].statistics.inf, runs["log"].statistics.nan) == (4, 4)
    assert report.first_nonfinite.path == "log"
    assert live.values("y", "[2]", 9).rows == [[1.0, 0.0, -4.0]]


def test_what_the_standard_does_not_allow_is_not_run_at_all(tmp_path):
    node = helper.make_node("Add", ["x", "z"], ["y"])
    model = model_of([node], [value("x", [2]), value("z", [2], TensorProto.DOUBLE)], ["y"])
    report = opened(tmp_path, model).forward(ForwardSettings(), quiet)
    assert report.table.failure is not None
    assert notes(report, "reference-evaluator") == []


def test_a_graph_too_large_for_numpy_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "MOST_ELEMENTS", 10)
    report = opened(tmp_path, half_precision_bits()).forward(ForwardSettings(), quiet)
    assert "too many to compute in NumPy" in report.table.failure.message


def test_operators_of_nobody_stay_a_failure_with_both_reasons(tmp_path):
    node = helper.make_node("Mystery", ["x"], ["y"], domain="com.example", name="mystery")
    report = opened(tmp_path, model_of([node], [value("x", [2])], ["y"])).forward(ForwardSettings(), quiet)
    assert "reference evaluator does not run it either" in report.table.failure.message


def test_a_node_that_fails_in_the_evaluator_is_named(tmp_path):
    model = half_precision_bits()
    model.graph.node[1].op_type = "Reshape"
    del model.graph.node[1].attribute[:]
    model.graph.node[1].input.append("asked")
    model.graph.input.append(value("asked", [1], INT64))
    model.graph.node.insert(2, helper.make_node("Cast", ["y"], ["f"], to=FLOAT))
    model.graph.node[3].input[0] = "f"
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.BFLOAT16
    report = opened(tmp_path, model).forward(ForwardSettings(inputs=[parse_input("asked==[7]")]), quiet)
    assert report.table.failure is not None
    assert report.table.failure.path == "read"


def test_draws_of_the_evaluator_follow_the_seed(tmp_path):
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["r"], name="draw"),
        helper.make_node("Expand", ["r", "shape"], ["b"]),
        helper.make_node("Cast", ["b"], ["y"], to=FLOAT),
    ]
    model = model_of(nodes, [value("x", [1, 50], TensorProto.BFLOAT16)], ["y"], [array("shape", [2, 50])], opset=22)
    live = opened(tmp_path, model)
    first, again, other = (live.forward(ForwardSettings(seed=seed), quiet).outputs[0] for seed in (3, 3, 4))
    assert first == again
    assert first.statistics.mean != other.statistics.mean


def test_values_of_any_node_are_those_of_a_computation_in_numpy(tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.random.default_rng(5).normal(size=(4, 3)).astype(numpy.float32))
    live = opened(tmp_path, mlp())
    live.forward(ForwardSettings(inputs=[parse_input(f"@{tmp_path / 'x.npy'}")]), quiet)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in mlp().graph.initializer}
    hidden = numpy.load(tmp_path / "x.npy") @ weights["hidden.weight"].T + weights["hidden.bias"]
    assert live.values("h", "", 64).rows == [pytest.approx(row, rel=1e-4) for row in hidden.tolist()]
    assert live.values("/act/Relu", "[1]", 64).rows[0] == pytest.approx(hidden[1].clip(0).tolist(), rel=1e-4)
    assert live.values("x", "[2, 1]", 64).rows == [[pytest.approx(float(numpy.load(tmp_path / "x.npy")[2, 1]))]]
    picture = live.picture(PictureSettings(key="h", index="", kind="heat map"))
    assert picture.high == pytest.approx(hidden.max(), rel=1e-4)
    rows = {row.path: row.values for row in live.table().rows}
    assert rows["/hidden/Gemm"] == ["h"]
    with pytest.raises(RequestError, match=r"no tensor, node or value 'hh'; there are for example h"):
        live.values("hh", "", 64)


def test_values_are_those_of_the_last_passs_seed(tmp_path):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    live = opened(tmp_path, model_of(nodes, [value("x", [1, 6])], ["y"]))
    for seed in (3, 4):
        report = live.forward(ForwardSettings(seed=seed), quiet)
        assert live.values("y", "", 64).statistics.mean == report.outputs[0].statistics.mean


def test_values_inside_a_branch_are_there_where_it_is_taken(tmp_path):
    yes = helper.make_graph([helper.make_node("Add", ["x", "one"], ["t"])], "yes", [], [value("t", [2])])
    no = helper.make_graph([helper.make_node("Neg", ["x"], ["f"])], "no", [], [value("f", [2])])
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], name="if", then_branch=yes, else_branch=no),
    ]
    weights = [array("one", numpy.float32(1)), array("zero", numpy.float32(0))]
    live = opened(tmp_path, model_of(nodes, [value("x", [2])], ["y"], weights))
    live.forward(ForwardSettings(inputs=[parse_input("x==[1.0, 2.0]")]), quiet)
    row = next(row for row in live.table().rows if row.path == "if/then_branch/Add_0")
    assert live.values(row.values[0], "", 9).rows == [[2.0, 3.0]]
    with pytest.raises(RequestError, match="does not go through if/else_branch"):
        live.values("if/else_branch/f", "", 9)


def test_optimisations_leave_fewer_nodes_and_the_same_outputs(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Identity", ["m"], ["i"]),
        helper.make_node("Softmax", ["i"], ["y"]),
    ]
    live = opened(tmp_path, model_of(nodes, [value("x", [1, 3])], ["y"], [normal("w", 3, 4)]))
    live.forward(ForwardSettings(), quiet)
    run = live.optimised(quiet)
    # The Identity goes.
    assert (run.unoptimised_nodes, run.nodes) == (3, 2)
    assert 0 <= run.max_abs < 1e-5
    assert run.seconds > 0
    assert run.unoptimised_seconds > 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net.onnx"]


def test_each_node_tells_the_provider_that_the_profiler_saw(tmp_path):
    report = opened(tmp_path, mlp()).forward(ForwardSettings(), quiet)
    assert {row.device for row in report.table.rows} == {"cpu"}
    events = [
        {"name": f"nninspect_node_{at}_kernel_time", "dur": 2, "args": {"provider": provider}}
        for at, provider in enumerate(["CUDAExecutionProvider", "CPUExecutionProvider"])
    ]
    (tmp_path / "profile.json").write_text(json.dumps(events))
    _, providers = _profiled(str(tmp_path / "profile.json"))
    assert [device_of(providers[at], "cuda:1") for at in (0, 1)] == ["cuda:1", "cpu"]
