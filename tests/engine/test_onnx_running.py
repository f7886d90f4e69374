import json

import numpy
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from onnx_graphs import FLOAT, array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe, parse_input
from inspector.engine.onnx_model import open_onnx


def runs_by_path(report):
    return {row.path: run for row, run in zip(report.table.rows, report.runs, strict=True)}


def test_every_node_is_measured_and_agrees_with_a_computation_in_numpy(tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.random.default_rng(5).normal(size=(4, 3)).astype(numpy.float32))
    live = opened(tmp_path, mlp())
    report = live.forward(ForwardSettings(inputs=[InputSpec(name="x", file=str(tmp_path / "x.npy"))]), quiet)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in mlp().graph.initializer}
    hidden = numpy.load(tmp_path / "x.npy") @ weights["hidden.weight"].T + weights["hidden.bias"]
    active = hidden.clip(0)
    output = active @ weights["onnx::MatMul_12"] + weights["output.bias"]
    runs = runs_by_path(report)
    for path, expected in (("/hidden/Gemm", hidden), ("/act/Relu", active), ("/output/Add", output), ("", output)):
        found = runs[path].statistics
        assert found.mean == pytest.approx(expected.mean(), rel=1e-4)
        assert found.std == pytest.approx(expected.std(ddof=1), rel=1e-4)
        assert (found.min, found.max) == (
            pytest.approx(expected.min(), rel=1e-4),
            pytest.approx(expected.max(), rel=1e-4),
        )
        assert found.zeros == pytest.approx((expected == 0).mean())
        assert runs[path].output_bytes == expected.nbytes
    assert runs["/act/Relu"].statistics.dead_units == pytest.approx((active == 0).all(axis=0).mean())
    assert all(run.seconds is not None and run.seconds >= 0 for run in report.runs)
    assert runs["/output"].seconds == pytest.approx(runs["/output/MatMul"].seconds + runs["/output/Add"].seconds)
    assert [one.shape for one in report.outputs] == [[4, 2]]
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": numpy.load(tmp_path / "x.npy")})
    assert report.outputs[0].text == str(torch.from_numpy(expected))


def test_the_same_seed_gives_the_same_output_and_another_seed_another(tmp_path):
    live = opened(tmp_path, mlp())
    texts = [live.forward(ForwardSettings(seed=seed), quiet).outputs[0].text for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_a_second_pass_tells_what_a_first_one_does(tmp_path):
    once, twice = opened(tmp_path, mlp()), opened(tmp_path, mlp())
    twice.forward(ForwardSettings(inputs=[parse_input("x=4x3")]), quiet)
    for sizes in ("4x3", "2x3", "2x3"):
        again = twice.forward(ForwardSettings(inputs=[parse_input(f"x={sizes}")]), quiet).table
    assert again == once.forward(ForwardSettings(inputs=[parse_input("x=2x3")]), quiet).table


def test_a_graph_that_draws_random_numbers_is_seeded_too(tmp_path):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    live = opened(tmp_path, model_of(nodes, [value("x", [1, 6])], ["y"]))
    assert live.forward(ForwardSettings(seed=3), quiet).outputs == live.forward(ForwardSettings(seed=3), quiet).outputs


def test_there_is_no_backward_pass(tmp_path):
    with pytest.raises(RequestError, match="no gradients"):
        opened(tmp_path, mlp()).forward(ForwardSettings(backward=True), quiet)


def test_the_first_nan_is_found_where_it_is_made(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("Sub", ["a", "a"], ["zero"], name="difference"),
        helper.make_node("Div", ["zero", "zero"], ["b"], name="quotient"),
        helper.make_node("Exp", ["b"], ["y"], name="after"),
    ]
    report = opened(tmp_path, model_of(nodes, [value("x", [1, 4])], ["y"])).forward(ForwardSettings(), quiet)
    assert report.first_nonfinite.path == "quotient"
    runs = runs_by_path(report)
    assert (runs["difference"].statistics.nan, runs["quotient"].statistics.nan, runs["after"].statistics.nan) == (
        0,
        4,
        4,
    )
    json.dumps(runs["quotient"].statistics.mean)


def test_a_mask_of_minus_infinity_is_no_accident(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["mask"], value_floats=[0.0, float("-inf"), 0.0]),
        helper.make_node("Add", ["x", "mask"], ["a"]),
        helper.make_node("Softmax", ["a"], ["y"]),
    ]
    assert (
        opened(tmp_path, model_of(nodes, [value("x", [1, 3])], ["y"])).forward(ForwardSettings(), quiet).first_nonfinite
        is None
    )


def failing(folder):
    """Fits as far as shapes are concerned for one sample; the Reshape fails for two."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="dup"),
        helper.make_node("Reshape", ["a", "shape"], ["b"], name="dup"),
        helper.make_node("Neg", ["b"], ["y"], name="after"),
    ]
    return opened(folder, model_of(nodes, [value("x", ["N", 6])], ["y"], [array("shape", [2, 3])]))


def test_a_run_that_fails_shows_the_rows_until_then(tmp_path):
    live = failing(tmp_path)
    report = live.forward(ForwardSettings(inputs=[parse_input("2x6")]), quiet)
    failure, nodes = report.table.failure, [row for row in report.table.rows if row.kind == "node"]
    assert failure.path == nodes[1].path
    assert failure.input_shapes == [[2, 6]]
    assert [(one.text, one.shape) for one in failure.operands] == [("a", [2, 6]), ("shape", [2])]
    assert "Reshape" in failure.message
    assert "nninspect_node" not in failure.message
    assert [row.reached for row in nodes] == [True, False, False]
    assert runs_by_path(report)[nodes[0].path].statistics is not None
    assert runs_by_path(report)[nodes[1].path].statistics is None
    assert report.outputs == []
    good = live.forward(ForwardSettings(inputs=[parse_input("1x6")]), quiet)
    assert good.table.failure is None
    assert all(row.reached for row in good.table.rows)


def test_an_operator_that_onnxruntime_lacks_is_a_failure_not_an_exception(tmp_path):
    node = helper.make_node("Mystery", ["x"], ["y"], domain="com.example", name="odd")
    model = model_of([helper.make_node("Relu", ["x"], ["a"]), node], [value("x", [2])], ["y"])
    model.opset_import.add(domain="com.example", version=1)
    live = opened(tmp_path, model)
    table = live.trace([], quiet)
    assert table.rows[2].type == "com.example.Mystery"
    assert "Mystery" in live.forward(ForwardSettings(), quiet).table.failure.message


def test_numbers_that_numpy_lacks_are_measured(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["b"], to=TensorProto.BFLOAT16, name="bf16"),
        helper.make_node("Cast", ["b"], ["f"], to=TensorProto.FLOAT8E4M3FN, name="f8"),
        helper.make_node("Cast", ["f"], ["y"], to=FLOAT),
    ]
    live = opened(tmp_path, model_of(nodes, [value("x", [3, 5])], ["y"], opset=19))
    runs = runs_by_path(live.forward(ForwardSettings(inputs=[parse_input("3x5~ones")]), quiet))
    assert (runs["bf16"].statistics.mean, runs["bf16"].output_bytes) == (1, 30)
    assert (runs["f8"].statistics.mean, runs["f8"].output_bytes) == (1, 15)


def test_sequences_have_no_statistics_and_stop_nothing(tmp_path):
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"], name="pack"),
        helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0),
    ]
    report = opened(tmp_path, model_of(nodes, [value("x", [2, 2])], ["y"])).forward(ForwardSettings(), quiet)
    assert report.table.outputs[0].shape == [4, 2]
    assert runs_by_path(report)["pack"].statistics is None


def test_a_saved_copy_gives_the_same_output_to_the_bit(tmp_path):
    report = opened(tmp_path, mlp()).compare_clone([], 1, quiet)
    assert report.equal
    assert report.max_abs == 0.0


def test_float64_files_go_into_float32_inputs_and_integers_do_not(tmp_path):
    live = opened(tmp_path, mlp())
    numpy.save(tmp_path / "x.npy", numpy.ones((1, 3)))
    assert live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "x.npy"))]), quiet).table.failure is None
    numpy.save(tmp_path / "x.npy", numpy.ones((1, 3), numpy.int64))
    with pytest.raises(RequestError, match=r"int64.*float32"):
        live.forward(ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "x.npy"))]), quiet)


def test_the_processor_is_always_a_device(tmp_path):
    live = opened(tmp_path, mlp())
    assert live.devices()[0].name == "cpu"
    assert "azure" not in [device.name for device in live.devices()]


def test_large_weights_inside_and_beside_the_file_run_alike(tmp_path):
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 256])], ["y"], [normal("w", 256, 256)]
    )
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = open_onnx(Recipe(target=saved(tmp_path, model)))
    beside = open_onnx(Recipe(target=saved(outside, model, save_as_external_data=True, location="w.bin")))
    assert (outside / "w.bin").stat().st_size >= 256 * 256 * 4
    first, second = inner.forward(ForwardSettings(seed=2), quiet), beside.forward(ForwardSettings(seed=2), quiet)
    assert first.outputs == second.outputs
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    x = torch.randn(1, 256, generator=torch.Generator().manual_seed(2)).numpy()
    assert first.outputs[0].statistics.max == pytest.approx(float(session.run(None, {"x": x})[0].max()), rel=1e-5)


def test_a_graph_without_inputs_runs(tmp_path):
    node = helper.make_node("RandomNormal", [], ["y"], shape=[2, 3], seed=1.0)
    live = opened(tmp_path, model_of([node], [], ["y"]))
    assert [output.shape for output in live.forward(ForwardSettings(), quiet).outputs] == [[2, 3]]


def test_a_reshape_to_another_number_of_elements_is_found_without_a_run(tmp_path):
    node = helper.make_node("Reshape", ["x", "s"], ["y"])
    graph = model_of([node], [value("x", ["N", 4])], ["y"], [array("s", numpy.array([3, 5]))])
    live = opened(tmp_path, graph)
    table = live.trace([], quiet)
    assert live.forward(ForwardSettings(), quiet).table.failure is not None
    assert table.failure is not None
    assert table.failure.operands[0].shape == [1, 4]
    assert [row.output_shapes for row in table.rows] == [[], []]


def test_an_axis_declared_empty_is_empty(tmp_path):
    graph = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [0, 3])], ["y"])
    report = opened(tmp_path, graph).forward(ForwardSettings(), quiet)
    assert report.table.failure is None
    assert report.table.inputs[0].shape == report.outputs[0].shape == [0, 3]


@pytest.mark.parametrize("name", ["0", "x[0] é", "input:0", "a=1x2", "größe ~x@"])
def test_any_name_of_an_input_can_be_given(tmp_path, name):
    graph = model_of([helper.make_node("Relu", [name], ["y"])], [value(name, ["N", 3])], ["y"])
    table = opened(tmp_path, graph).trace([parse_input(f"{name}=5x3")], quiet)
    assert table.outputs[0].shape == [5, 3]


@pytest.mark.parametrize(
    ("node", "held"),
    [
        (helper.make_node("MatMul", ["x", "w"], ["y"]), array("w", numpy.zeros((4, 3), numpy.int64))),
        (helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[9]), array("w", numpy.zeros(1))),
    ],
    ids=["mixed types", "kernel beyond its input"],
)
def test_what_inference_believes_and_a_run_refutes_is_a_failure(tmp_path, node, held):
    graph = model_of([node], [value("x", [1, 2, 4])], ["y"], [held])
    assert opened(tmp_path, graph).trace([], quiet).failure is not None


def test_a_batch_size_written_into_a_reshape_is_found(tmp_path):
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    graph = model_of(nodes, [value("x", ["N", 4])], ["y"], [array("s", numpy.array([8, 2, 2]))])
    table = opened(tmp_path, graph).trace([], quiet)
    assert table.failure is None
    assert table.inputs[0].shape == [8, 4]


def test_a_later_batch_that_fails_is_the_last(tmp_path):
    """Pairs of those of 20 numbers that are above a bound: how many there are depends on the batch."""
    nodes = [
        helper.make_node("Greater", ["x", "bound"], ["above"]),
        helper.make_node("Compress", ["x", "above"], ["kept"], axis=0),
        helper.make_node("Reshape", ["kept", "pairs"], ["y"]),
    ]
    weights = [array("bound", numpy.float32([0])), array("pairs", [2, -1])]
    path = saved(tmp_path, model_of(nodes, [value("x", [20])], ["y"], weights))

    def above(seed):
        return int((torch.randn(20, generator=torch.Generator().manual_seed(seed)) > 0).sum())

    first = next(seed for seed in range(99) if [above(seed + at) % 2 for at in range(3)] == [0, 0, 1])
    report = open_onnx(Recipe(target=path)).forward(ForwardSettings(seed=first, batches=5), quiet)
    assert report.table.failure.path == "Reshape_2"
    assert (report.batches, report.outputs) == (3, [])
    counted = runs_by_path(report)["Compress_1"].statistics.histogram.counts
    assert sum(counted) == sum(above(seed) for seed in range(first, first + 3))


def test_several_batches_are_counted_as_one(tmp_path):
    path = saved(tmp_path, mlp())
    model = open_onnx(Recipe(target=path))
    together = model.forward(ForwardSettings(seed=5, batches=3), quiet)
    alone = [model.forward(ForwardSettings(seed=seed), quiet) for seed in (5, 6, 7)]
    assert together.batches == 3
    for found, *parts in zip(together.runs, *(one.runs for one in alone), strict=True):
        assert found.statistics.min == min(part.statistics.min for part in parts)
        assert found.statistics.max == max(part.statistics.max for part in parts)
        assert found.statistics.mean == pytest.approx(numpy.mean([part.statistics.mean for part in parts]))
        counted = [sum(one.statistics.histogram.counts) for one in (found, *parts)]
        assert counted[0] == sum(counted[1:])
