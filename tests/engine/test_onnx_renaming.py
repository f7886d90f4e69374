import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_graphs import FLOAT, array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.session import Session


def renamed(where, argument):
    return Edit(action="rename", where=where, argument=argument)


def branching():
    """An If whose branches read a weight and a value of the graph around them, and hold a weight each."""

    def branch(name, weight):
        nodes = [
            helper.make_node("Mul", ["h", weight], [f"{name}_m"], name=f"{name}_mul"),
            helper.make_node("Add", [f"{name}_m", "shared"], [f"{name}_y"], name=f"{name}_add"),
        ]
        return helper.make_graph(nodes, name, [], [value(f"{name}_y", [2])], [array(weight, numpy.float32([1, 2]))])

    nodes = [
        helper.make_node("Add", ["x", "shared"], ["h"], name="first"),
        helper.make_node(
            "If", ["c"], ["y"], name="choose", then_branch=branch("a", "wa"), else_branch=branch("b", "wb")
        ),
    ]
    inputs = [value("x", [2]), value("c", [], TensorProto.BOOL)]
    graph = helper.make_graph(nodes, "net", inputs, [value("y", [2])], [array("shared", numpy.float32([3, 4]))])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(path, **feeds):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds.values(), strict=True)))[0]


@pytest.mark.parametrize(
    ("where", "new"),
    [
        ("shared", "offset"),
        ("h", "hidden"),
        ("x", "image"),
        ("y", "result"),
        ("choose/then_branch/wa", "factor"),
        ("value:choose/else_branch/b_m", "product"),
        ("node:choose", "decide"),
        ("choose/then_branch/a_mul", "times"),
    ],
)
@pytest.mark.parametrize("taken", [True, False])
def test_the_file_says_the_same_under_the_new_name(tmp_path, where, new, taken):
    live = opened(tmp_path, branching())
    before = live.graph.model.SerializeToString()
    _, message, undo = live.apply(renamed(where, new))
    assert new in message
    live.save(str(tmp_path / "new.onnx"), overwrite=False)
    written = (tmp_path / "new.onnx").read_bytes()
    onnx.checker.check_model(str(tmp_path / "new.onnx"), full_check=True)
    old = where.removeprefix("node:").removeprefix("value:").rpartition("/")[2].encode()
    assert new.encode() in written
    assert old == b"h" or b"\n" + bytes([len(old)]) + old not in written
    feeds = {"x": numpy.float32([5, 6]), "c": numpy.array(taken)}
    assert (run(tmp_path / "new.onnx", **feeds) == run(tmp_path / "net.onnx", **feeds)).all()
    undo()
    assert live.graph.model.SerializeToString() == before


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (renamed("hidden.weight", "output.bias"), "another value is called 'output.bias'"),
        (renamed("hidden.weight", "a"), "another value"),
        (renamed("node:/hidden/Gemm", "/act/Relu"), "another node"),
        (renamed("hidden.weight", "hidden.weight"), "already"),
        (renamed("hidden.weight", "  "), "not empty"),
        (renamed("hidden.weight", "a\x1b[31m"), "line of text"),
        (renamed("nothing", "new"), "nothing is called 'nothing'"),
        (renamed("node:hidden.weight", "new"), "nothing is called"),
    ],
)
def test_names_that_are_taken_or_none_are_refused(tmp_path, edit, words):
    live = opened(tmp_path, mlp())
    before = live.graph.model.SerializeToString()
    with pytest.raises(RequestError, match=words):
        live.apply(edit)
    assert live.graph.model.SerializeToString() == before


def test_rows_tensors_and_shapes_follow(tmp_path):
    live = opened(tmp_path, mlp())
    live.trace([], quiet)
    live.apply(renamed("x", "image"))
    live.apply(renamed("hidden.weight", "first.weight"))
    live.apply(renamed("/act/Relu", "/act/relu"))
    table = live.table()
    assert [one.name for one in table.inputs] == ["image"]
    assert "first.weight" in [tensor.key for tensor in table.tensors]
    assert "/act/relu" in [row.path for row in table.rows]
    assert table.rows[0].output_shapes == [[1, 2]]
    live.apply(Edit(action="initialise", where="first.weight", argument="constant_(val=2)", seed=0))
    assert live.values("first.weight", "", 1).statistics.max == 2


def test_the_journal_makes_the_same_bits_again(tmp_path):
    path = saved(tmp_path, mlp())
    edits = [
        renamed("hidden.weight", "w"),
        Edit(action="initialise", where="w", argument="kaiming_normal_", seed=3),
        renamed("x", "image"),
        renamed("w", "hidden.matrix"),
    ]
    first, second = (Session(open_onnx(Recipe(target=path, inputs=[InputSpec(name="x", shape=[2, 3])]))) for _ in "ab")
    for edit in edits:
        first.apply(edit)
    while first.journal.done:
        first.undo()
    for _ in edits:
        first.redo()
    for edit in first.journal.done:
        second.apply(edit)
    contents = [one.model.graph.model.SerializeToString() for one in (first, second)]
    assert contents[0] == contents[1] != open_onnx(Recipe(target=path)).graph.model.SerializeToString()
    assert first.model.trace([], quiet).outputs[0].shape == [2, 2]


def test_weights_beside_the_file_are_found_under_the_new_name(tmp_path):
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 64], FLOAT)], ["y"], [normal("w", 64, 64)]
    )
    live = open_onnx(Recipe(target=saved(tmp_path, model, save_as_external_data=True, location="w.bin")))
    expected = live.values("w", "", 4).rows
    live.apply(renamed("w", "matrix"))
    live.save(str(tmp_path / "new.onnx"), overwrite=False)
    assert open_onnx(Recipe(target=str(tmp_path / "new.onnx"))).values("matrix", "", 4).rows == expected
