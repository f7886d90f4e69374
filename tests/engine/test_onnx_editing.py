import stat

import numpy
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from onnx_graphs import array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx


def initialise(where, argument, seed=0):
    return Edit(action="initialise", where=where, argument=argument, seed=seed)


def values(live, key):
    return torch.from_numpy(onnx.numpy_helper.to_array(live.graph.initializers[key]).copy())


def test_a_matrix_on_the_right_is_drawn_as_the_transpose_of_torchs_layout(tmp_path):
    live = opened(tmp_path, mlp())
    target = live.preview(initialise("onnx::MatMul_12", "kaiming_uniform_")).targets[0]
    assert (target.shape, target.fan_in, target.fan_out) == ([5, 2], 5, 2)
    live.apply(initialise("onnx::MatMul_12", "kaiming_uniform_", seed=7))
    torch.manual_seed(7)
    expected = torch.nn.init.kaiming_uniform_(torch.empty(2, 5))
    assert torch.equal(values(live, "onnx::MatMul_12"), expected.t())


def test_a_matrix_used_with_transb_is_drawn_as_torch_draws_it(tmp_path):
    live = opened(tmp_path, mlp())
    target = live.preview(initialise("hidden.weight", "xavier_normal_")).targets[0]
    assert (target.fan_in, target.fan_out) == (3, 5)
    live.apply(initialise("hidden.weight", "xavier_normal_", seed=1))
    torch.manual_seed(1)
    assert torch.equal(values(live, "hidden.weight"), torch.nn.init.xavier_normal_(torch.empty(5, 3)))


def test_a_transposed_convolution_says_what_it_really_sums(tmp_path):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    live = opened(tmp_path, model_of([node], [value("x", [1, 8, 4, 4])], ["y"], [normal("w", 8, 3, 4, 4)]))
    target = live.preview(initialise("w", "kaiming_normal_")).targets[0]
    assert (target.fan_in, target.fan_out) == (3 * 16, 8 * 16)  # as torch counts
    assert target.effective_fan_in == 8 * 16 / 4


def read_by(kind, *inputs, output="y", **attributes):
    return helper.make_node(kind, list(inputs), [output], **attributes)


FURTHER = [normal("r", 2, 20, 5), array("one", numpy.float32(1))]
LSTM = read_by("LSTM", "x", "w", "r", hidden_size=5, direction="bidirectional")
USES = {
    "Gemm": ([read_by("Gemm", "x", "w")], [3, 5], [2, 3], (3, 5)),
    "Gemm, transB": ([read_by("Gemm", "x", "w", transB=1)], [5, 3], [2, 3], (3, 5)),
    "Gemm, first and transA": ([read_by("Gemm", "w", "x", transA=1)], [3, 5], [3, 2], (3, 5)),
    "Gemm, first": ([read_by("Gemm", "w", "x")], [5, 3], [3, 2], (3, 5)),
    "MatMul of a batch": ([read_by("MatMul", "x", "w")], [7, 3, 5], [7, 2, 3], (3, 5)),
    "MatMul, first": ([read_by("MatMul", "w", "x")], [5, 3], [3, 2], (3, 5)),
    "transposed": ([read_by("Transpose", "w", output="t"), read_by("MatMul", "x", "t")], [5, 3], [2, 3], (3, 5)),
    "cast": ([read_by("Cast", "w", output="t", to=1), read_by("Gemm", "x", "t", transB=1)], [5, 3], [2, 3], (3, 5)),
    "quantised and back": (
        [
            read_by("QuantizeLinear", "w", "one", output="q"),
            read_by("DequantizeLinear", "q", "one", output="t"),
            read_by("MatMul", "x", "t"),
        ],
        [3, 5],
        [2, 3],
        (3, 5),
    ),
    "Einsum": ([read_by("Einsum", "x", "w", equation="bi,io->bo")], [3, 5], [2, 3], (3, 5)),
    "Conv of a sequence": ([read_by("Conv", "x", "w")], [5, 3, 7], [1, 3, 9], (21, 35)),
    "Conv of a volume": ([read_by("Conv", "x", "w")], [5, 3, 2, 2, 2], [1, 3, 4, 4, 4], (24, 40)),
    "LSTM": ([LSTM], [2, 20, 3], [4, 1, 3], (3, 5)),
}


def using(folder, name):
    nodes, weight, shape, _ = USES[name]
    return opened(folder, model_of(nodes, [value("x", shape)], ["y"], [normal("w", *weight), *FURTHER]))


@pytest.mark.parametrize("name", USES)
def test_fans_follow_what_the_nodes_do_with_a_weight(tmp_path, name):
    target = using(tmp_path, name).preview(initialise("w", "xavier_uniform_")).targets[0]
    assert (target.fan_in, target.fan_out) == USES[name][3]


def test_each_gate_of_each_direction_is_drawn_by_itself(tmp_path):
    live = using(tmp_path, "LSTM")
    live.apply(initialise("w", "orthogonal_", seed=4))
    gates = values(live, "w").reshape(2, 4, 5, 3)
    assert torch.allclose(gates.mT @ gates, torch.eye(3).expand(2, 4, 3, 3), atol=1e-5)
    torch.manual_seed(4)
    assert torch.equal(gates[0, 0], torch.nn.init.orthogonal_(torch.empty(5, 3)))
    assert len({tuple(one.flatten().tolist()) for one in gates.flatten(0, 1)}) == 8


def test_undo_brings_the_bits_back_and_a_run_uses_the_new_ones(tmp_path):
    live = opened(tmp_path, mlp())
    before = live.graph.model.SerializeToString()
    output = live.forward(ForwardSettings(), quiet).outputs
    keys, message, undo = live.apply(initialise("module:/hidden", "constant_(val=0.5)"))
    assert keys == ["hidden.weight", "hidden.bias"]
    assert "2 initializers" in message
    assert live.forward(ForwardSettings(), quiet).outputs != output
    undo()
    assert live.graph.model.SerializeToString() == before
    assert live.forward(ForwardSettings(), quiet).outputs == output


def test_selecting_by_place_type_and_pattern(tmp_path):
    live = opened(tmp_path, mlp())
    for where, expected in (
        ("type:MatMul", ["onnx::MatMul_12"]),
        ("module:/output", ["onnx::MatMul_12", "output.bias"]),
        ("*.bias", ["hidden.bias", "output.bias"]),
        ("module:", ["hidden.weight", "hidden.bias", "onnx::MatMul_12", "output.bias"]),
    ):
        assert [target.key for target in live.preview(initialise(where, "zeros_")).targets] == expected
    with pytest.raises(RequestError, match=r"hidden\.weight"):
        live.preview(initialise("hidden.wait", "zeros_"))


def test_what_cannot_be_drawn_is_left_alone_with_its_reason(tmp_path):
    live = opened(tmp_path, mlp())
    preview = live.preview(initialise("*", "xavier_uniform_"))
    assert [key for key, _ in preview.skipped] == ["hidden.bias", "output.bias"]
    with pytest.raises(RequestError, match="no default known"):
        live.apply(initialise("*", "layer_default"))


def test_preview_changes_nothing_and_tells_what_apply_does(tmp_path):
    live = opened(tmp_path, mlp())
    before = live.graph.model.SerializeToString()
    after = live.preview(initialise("hidden.weight", "normal_", seed=3)).targets[0].after
    assert live.graph.model.SerializeToString() == before
    live.apply(initialise("hidden.weight", "normal_", seed=3))
    assert live.values("hidden.weight", "", 4).statistics == after


def element(where, index, argument):
    return Edit(action="set_element", where=where, index=index, argument=argument)


def test_one_element_is_set_and_nothing_else(tmp_path):
    live = opened(tmp_path, mlp())
    expected = values(live, "hidden.weight")
    _, _, undo = live.apply(element("hidden.weight", [4, -1], "2.5"))
    changed = expected.clone()
    changed[4, 2] = 2.5
    assert torch.equal(values(live, "hidden.weight"), changed)
    undo()
    assert torch.equal(values(live, "hidden.weight"), expected)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (element("hidden.weight", [5, 0], "1"), "goes from 0 to 4"),
        (element("hidden.weight", [0], "1"), "2 indices"),
        (element("hidden.weight", [0, 0], "much"), "not a number"),
        (element("hidden.weight", [0, 0], "1e60"), "cannot hold"),
        (element("nothing", [0], "1"), "no initializer"),
        (Edit(action="mode", where="", argument="train"), "neither train nor eval"),
        (Edit(action="place", where="", argument="cuda:7"), "choose one of cpu"),
        (Edit(action="place", where="/hidden", argument="cpu"), "as a whole"),
    ],
)
def test_edits_that_cannot_be_made_are_refused(tmp_path, edit, words):
    live = opened(tmp_path, mlp())
    before = live.graph.model.SerializeToString()
    with pytest.raises(RequestError, match=words):
        live.apply(edit)
    assert live.graph.model.SerializeToString() == before


def test_low_precision_and_integers_keep_their_type(tmp_path):
    bf16 = helper.make_tensor("low", TensorProto.BFLOAT16, [2, 2], [1.0, 2.0, 3.0, 4.0])
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2])], ["y"], [bf16, array("count", [1, 2])])
    live = opened(tmp_path, model)
    live.apply(initialise("low", "normal_", seed=5))
    torch.manual_seed(5)
    expected = torch.empty(2, 2).normal_().bfloat16()
    assert live.values("low", "", 4).rows == expected.double().tolist()
    live.apply(element("count", [1], "9"))
    assert live.values("count", "", 4).rows == [[1, 9]]
    with pytest.raises(RequestError, match="int64 is not a floating-point"):
        live.apply(initialise("count", "zeros_"))


def test_saving_writes_a_model_that_checks_and_runs_with_the_edits(tmp_path):
    live = opened(tmp_path, mlp())
    live.apply(initialise("hidden.weight", "constant_(val=2)"))
    report = live.save(str(tmp_path / "new.onnx"), overwrite=False)
    written = onnx.load(tmp_path / "new.onnx")
    written.graph.output[0].CopyFrom(value("y", ["batch", 2]))  # the checker wants a shape
    onnx.checker.check_model(written, full_check=True)
    assert (onnx.numpy_helper.to_array(written.graph.initializer[0]) == 2).all()
    assert report.tensors == 4
    assert report.bytes == (tmp_path / "new.onnx").stat().st_size
    session = onnxruntime.InferenceSession(str(tmp_path / "new.onnx"), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": numpy.ones((1, 3), numpy.float32)})[0].shape == (1, 2)


def test_saving_asks_before_it_overwrites_and_keeps_the_files_mode(tmp_path):
    live = opened(tmp_path, mlp())
    path = tmp_path / "net.onnx"
    path.chmod(0o640)
    content = path.read_bytes()
    with pytest.raises(RequestError, match="exists"):
        live.save(str(path), overwrite=False)
    assert path.read_bytes() == content
    live.apply(initialise("hidden.weight", "zeros_"))
    live.save(str(path), overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert open_onnx(Recipe(target=str(path))).values("hidden.weight", "", 9).statistics.max == 0
    for name, words in (("net.pt", "as .onnx"), ("none/net.onnx", "does not exist")):
        with pytest.raises(RequestError, match=words):
            live.save(str(tmp_path / name), overwrite=False)
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    live = opened(tmp_path, mlp())

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RequestError, match="no room left"):
        live.save(str(tmp_path / "new.onnx"), overwrite=False)
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]


def test_a_model_with_data_beside_it_is_saved_the_same_way_also_over_itself(tmp_path):
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64])], ["y"], [normal("w", 64, 64)]
    )
    path = saved(tmp_path, model, save_as_external_data=True, location="w.bin")
    live = open_onnx(Recipe(target=path))
    before = live.forward(ForwardSettings(), quiet).outputs
    live.save(path, overwrite=True)
    live.save(path, overwrite=True)
    # The model that is open still reads its own data, and so does the file.
    assert live.forward(ForwardSettings(), quiet).outputs == before
    again = open_onnx(Recipe(target=path))
    assert again.forward(ForwardSettings(), quiet).outputs == before
    assert onnx.load(path, load_external_data=False).graph.initializer[0].data_location == TensorProto.EXTERNAL
    assert again.compare_clone([], 0, quiet).equal


def test_what_is_too_large_for_one_file_goes_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr("inspector.engine.onnx_model.saving.LARGEST_FILE", 4096)
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64])], ["y"], [normal("w", 64, 64)]
    )
    live = opened(tmp_path, model)
    live.save(str(tmp_path / "big.onnx"), overwrite=False)
    assert (tmp_path / "big.onnx").stat().st_size < 1024
    assert (tmp_path / "big.onnx.data").stat().st_size == 64 * 64 * 4
    written = onnx.load(str(tmp_path / "big.onnx")).graph.initializer[0]
    expected = onnx.numpy_helper.to_array(model.graph.initializer[0])
    assert (onnx.numpy_helper.to_array(written) == expected).all()


def test_weights_go_beside_the_model_where_that_is_asked_for(tmp_path):
    numbers = numpy.arange(64 * 64, dtype=numpy.float32).reshape(64, 64) / 4096
    written_out = helper.make_tensor("w", TensorProto.FLOAT, [64, 64], numbers.flatten().tolist())
    four_bits = helper.make_tensor("q", TensorProto.INT4, [64, 64], [one % 16 - 8 for one in range(64 * 64)])
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["v"]),
        helper.make_node("Add", ["w", "v"], ["sum"]),
        helper.make_node("MatMul", ["x", "sum"], ["y"]),
    ]
    scale = onnx.numpy_helper.from_array(numpy.float32(0.5), "scale")
    model = model_of(nodes, [value("x", [1, 64])], ["y"], [written_out, four_bits, scale], opset=21)
    model.graph.output[0].CopyFrom(value("y", [1, 64]))  # the checker wants a shape
    model.ir_version = 10
    report = opened(tmp_path, model).save(str(tmp_path / "new.onnx"), overwrite=False, external_data=True)
    assert report.files == [str(tmp_path / "new.onnx"), str(tmp_path / "new.onnx.data")]
    assert report.bytes == sum((tmp_path / name).stat().st_size for name in ("new.onnx", "new.onnx.data"))
    onnx.checker.check_model(str(tmp_path / "new.onnx"), full_check=True)
    places = [one.data_location for one in onnx.load(tmp_path / "new.onnx", load_external_data=False).graph.initializer]
    assert places == [TensorProto.EXTERNAL, TensorProto.EXTERNAL, TensorProto.DEFAULT]
    x = {"x": numpy.ones((1, 64), numpy.float32)}
    outputs = [
        onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"]).run(None, x)[0]
        for name in ("net.onnx", "new.onnx")
    ]
    assert (outputs[0] == outputs[1]).all()
    assert open_onnx(Recipe(target=str(tmp_path / "new.onnx"))).values("q", "[0, :3]", 9).rows == [[-8, -7, -6]]


def test_without_weights_of_any_size_nothing_goes_beside(tmp_path):
    report = opened(tmp_path, mlp()).save(str(tmp_path / "new.onnx"), overwrite=False, external_data=True)
    assert report.files == [str(tmp_path / "new.onnx")]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net.onnx", "new.onnx"]
