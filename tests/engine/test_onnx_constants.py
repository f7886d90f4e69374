"""Files that hold all their weights as Constant nodes, as PaddlePaddle's exporter writes them."""

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from onnx_graphs import array, model_of, normal, opened, quiet, value

from inspector.core.edits import Edit
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.skeleton import skeleton_of

WEIGHTS = {"w_0": (4, 4, 3, 3), "b_0": (4,)}
NORM = ("w_0", "b_0", "w_1", "w_2")


def paddle():
    """Nine weights first, then the layers that read them; a number of its own between those."""
    weights = {f"conv2d_{at}.{name}": shape for at in range(2) for name, shape in WEIGHTS.items()}
    weights |= {f"batch_norm_0.{name}": (4,) for name in NORM}
    weights["scale_0.w_0"] = (1,)
    nodes = [
        helper.make_node("Constant", [], [name], value=array("", abs(onnx.numpy_helper.to_array(normal("", *shape)))))
        for name, shape in weights.items()
    ]
    norm = [f"batch_norm_0.{name}" for name in NORM]
    nodes += [
        helper.make_node("Conv", ["x", "conv2d_0.w_0", "conv2d_0.b_0"], ["p2o.Conv.1"], name="p2o.Conv.0"),
        helper.make_node("BatchNormalization", ["p2o.Conv.1", *norm], ["p2o.Norm.1"], name="p2o.Norm.0"),
        helper.make_node("Constant", [], ["p2o.helper.constant.0"], value=array("", numpy.float32(6))),
        helper.make_node("Mul", ["p2o.Norm.1", "p2o.helper.constant.0"], ["p2o.Mul.1"], name="p2o.Mul.0"),
        helper.make_node("Conv", ["p2o.Mul.1", "conv2d_1.w_0", "conv2d_1.b_0"], ["p2o.Conv.3"], name="p2o.Conv.2"),
        helper.make_node("Mul", ["p2o.Conv.3", "scale_0.w_0"], ["y"], name="p2o.Mul.2"),
    ]
    return model_of(nodes, [value("x", [1, 4, 9, 9])], ["y"])


def test_a_weight_belongs_to_the_node_that_reads_it_and_names_its_row(tmp_path):
    table = opened(tmp_path, paddle()).trace([], quiet)
    by_path = {row.path: row for row in table.rows}
    assert [by_path[path].parameters for path in ("p2o.Conv.0", "p2o.Norm.0", "p2o.Conv.2")] == [148, 8, 148]
    assert by_path["p2o.Norm.0"].buffers == 8
    assert by_path["conv2d_1"].parameters == 148
    names = {row.path: table.rows[row.parent or 0].path for row in table.rows}
    assert [names[path] for path in ("p2o.Conv.0", "p2o.Norm.0", "p2o.Conv.2")] == [
        "conv2d_0",
        "batch_norm_0",
        "conv2d_1",
    ]
    assert table.totals.parameters == 2 * 148 + 8


def test_the_weights_at_the_beginning_stand_together(tmp_path):
    table = opened(tmp_path, paddle()).table()
    together = next(row for row in table.rows if row.path == "constants")
    inside = table.rows[together.index + 1 : together.index + together.subtree]
    assert [row.type for row in inside] == ["Constant"] * 9
    assert not [row for row in table.rows if row.path.startswith("p2o.helper")]


def test_weights_in_constants_are_initialised_undone_and_saved(tmp_path):
    live = opened(tmp_path, paddle())
    before = live.values("conv2d_0.w_0", "", 999).rows
    keys, _, undo = live.apply(Edit(action="initialise", where="type:Conv", argument="constant_(val=2)", seed=3))
    assert keys == ["conv2d_0.w_0", "conv2d_0.b_0", "conv2d_1.w_0", "conv2d_1.b_0"]
    live.save(str(tmp_path / "new.onnx"), overwrite=False)
    x = numpy.random.default_rng(0).normal(size=(1, 4, 9, 9)).astype(numpy.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "new.onnx"), providers=["CPUExecutionProvider"])
    first = torch.full((4, 4, 3, 3), 2.0)
    held = {node.output[0]: node.attribute[0].t for node in paddle().graph.node if node.op_type == "Constant"}
    norm = [torch.from_numpy(onnx.numpy_helper.to_array(held[f"batch_norm_0.{n}"]).copy()) for n in NORM]
    hidden = torch.nn.functional.conv2d(torch.from_numpy(x), first, torch.full((4,), 2.0))
    hidden = 6 * torch.nn.functional.batch_norm(hidden, norm[2], norm[3], norm[0], norm[1])
    expected = torch.nn.functional.conv2d(hidden, first, torch.full((4,), 2.0))
    expected = expected * torch.from_numpy(onnx.numpy_helper.to_array(held["scale_0.w_0"]).copy())
    torch.testing.assert_close(torch.from_numpy(session.run(None, {"x": x})[0]), expected, rtol=1e-4, atol=1e-4)
    undo()
    assert live.values("conv2d_0.w_0", "", 999).rows == before


def test_shapes_are_inferred_without_the_weights(tmp_path):
    large = helper.make_node("Constant", [], ["w"], value=normal("", 64, 64))
    nodes = [large, helper.make_node("MatMul", ["x", "w"], ["y"], name="product")]
    live = opened(tmp_path, model_of(nodes, [value("x", [2, 64])], ["y"]))
    assert skeleton_of(live.graph, {"x": [2, 64]}).ByteSize() < 1024
    table = open_onnx(Recipe(target=str(tmp_path / "net.onnx"))).trace([], quiet)
    assert next(row for row in table.rows if row.path == "product").output_shapes == [[2, 64]]
    assert live.graph.tensor("w").data_type == TensorProto.FLOAT


def test_weights_in_constants_go_beside_the_model_too(tmp_path):
    large = helper.make_node("Constant", [], ["w"], value=normal("", 64, 64))
    model = model_of([large, helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 64])], ["y"])
    live = opened(tmp_path, model)
    report = live.save(str(tmp_path / "new.onnx"), overwrite=False, external_data=True)
    assert report.tensors == 1
    assert (tmp_path / "new.onnx.data").stat().st_size == 64 * 64 * 4
    assert (tmp_path / "new.onnx").stat().st_size < 1024
    x = numpy.random.default_rng(0).normal(size=(2, 64)).astype(numpy.float32)
    first, second = (
        onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for name in ("net.onnx", "new.onnx")
    )
    assert (first == second).all()
    again = open_onnx(Recipe(target=str(tmp_path / "new.onnx")))
    assert again.values("w", "[3]", 64).rows == live.values("w", "[3]", 64).rows
    again.save(str(tmp_path / "moved.onnx"), overwrite=False)
    assert (tmp_path / "moved.onnx.data").read_bytes() == (tmp_path / "new.onnx.data").read_bytes()


def test_weights_inside_branches_go_beside_the_model_too(tmp_path):
    def branch(name, weights):
        held = [normal("w", 64, 64)] if weights == "initializer" else []
        constant = [] if held else [helper.make_node("Constant", [], ["w"], value=normal("", 64, 64))]
        product = helper.make_node("MatMul", ["x", "w"], [name])
        return helper.make_graph([*constant, product], name, [], [value(name, None)], held)

    choice = helper.make_node(
        "If", ["yes"], ["y"], then_branch=branch("t", "initializer"), else_branch=branch("e", "constant")
    )
    model = model_of([choice], [value("x", [2, 64])], ["y"], [array("yes", numpy.array(True))])
    live = opened(tmp_path, model)
    live.save(str(tmp_path / "new.onnx"), overwrite=False, external_data=True)
    assert (tmp_path / "new.onnx.data").stat().st_size == 2 * 64 * 64 * 4
    again = open_onnx(Recipe(target=str(tmp_path / "new.onnx")))
    assert again.forward(ForwardSettings(), quiet).outputs == live.forward(ForwardSettings(), quiet).outputs
