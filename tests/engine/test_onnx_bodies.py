"""Graphs inside nodes: bodies of If, Loop and Scan, and the model's own functions."""

import re

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_graphs import BOOL, INT64, array, model_of, normal, opened, quiet, saved, value

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.functions import MOST_INLINED

X = InputSpec(name="x", file="x.npy")


def graph(nodes, inputs, outputs, initializers=(), name="body"):
    return helper.make_graph(nodes, name, inputs, [value(one, None) for one in outputs], list(initializers))


def row(table, path):
    (found,) = [one for one in table.rows if one.path == path]
    return found


def mean(report, path):
    found = row(report.table, path)
    return report.runs[found.index].statistics.mean


def run(folder, model, **feeds):
    """The live model's own forward pass on these values, and onnxruntime's outputs for them."""
    path = saved(folder, model)
    specs = []
    for name, values in feeds.items():
        numpy.save(folder / f"{name}.npy", values)
        specs.append(InputSpec(name=name, file=str(folder / f"{name}.npy")))
    report = open_onnx(Recipe(target=path)).forward(ForwardSettings(inputs=specs), quiet)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return report, dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True))


def branching():
    yes = graph([helper.make_node("Add", ["x", "w"], ["t"], name="sum")], [], ["t"], [array("w", [1.0, 2.0])])
    yes.initializer[0].CopyFrom(array("w", numpy.float32([1, 2])))
    no = graph([helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Exp", ["a"], ["f"])], [], ["f"])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], name="choice", then_branch=yes, else_branch=no),
    ]
    return model_of(nodes, [value("x", [2])], ["y"], [array("zero", numpy.float32(0))])


def test_both_branches_are_rows_and_the_one_that_is_taken_has_values(tmp_path):
    report, outputs = run(tmp_path, branching(), x=numpy.float32([3, 4]))
    paths = [(one.path, one.kind, one.depth) for one in report.table.rows[3:]]
    assert paths == [
        ("choice", "node", 1),
        ("choice/else_branch", "module", 2),
        ("choice/else_branch/Neg_0", "node", 3),
        ("choice/else_branch/Exp_1", "node", 3),
        ("choice/then_branch", "module", 2),
        ("choice/then_branch/sum", "node", 3),
    ]
    assert mean(report, "choice/then_branch/sum") == pytest.approx(float(outputs["y"].mean()))
    assert row(report.table, "choice/then_branch/sum").output_shapes == [[2]]
    assert [one.reached for one in report.table.rows[4:7]] == [False] * 3
    negative, outputs = run(tmp_path, branching(), x=numpy.float32([-3, -4]))
    assert mean(negative, "choice/else_branch/Exp_1") == pytest.approx(float(outputs["y"].mean()))
    assert not row(negative.table, "choice/then_branch/sum").reached


def test_tensors_of_a_body_have_keys_of_their_own_and_can_be_explained_and_changed(tmp_path):
    live = opened(tmp_path, branching())
    key = "choice/then_branch/w"
    tensor = next(one for one in live.table().tensors if one.key == key)
    assert (tensor.shape, tensor.kind) == ([2], "parameter")
    reached = eval(tensor.expression, {"onnx": onnx, "model": branching()})
    assert live.values(key, "", 9).rows == [reached.tolist()]
    assert "choice/then_branch/sum" in live.explain([key])[0].parts[-1].explanation
    assert row(live.table(), "choice").parameters == row(live.table(), "choice/then_branch/sum").own_parameters == 2
    keys, _, undo = live.apply(Edit(action="set_element", where=key, index=[1], argument="7"))
    assert keys == [key]
    live.save(str(tmp_path / "new.onnx"), overwrite=False)
    again = open_onnx(Recipe(target=str(tmp_path / "new.onnx")))
    assert again.values(key, "", 9).rows == [[1.0, 7.0]]
    undo()
    assert live.values(key, "", 9).rows == [[1.0, 2.0]]


def looping(trips):
    body = graph(
        [
            helper.make_node("Mul", ["state", "factor"], ["new"], name="grow"),
            helper.make_node("ReduceMean", ["new"], ["average"], name="average", keepdims=0),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        [value("i", [], INT64), value("go", [], BOOL), value("state", None)],
        ["on", "new", "average"],
    )
    for name, dtype in (("on", BOOL), ("new", TensorProto.FLOAT), ("average", TensorProto.FLOAT)):
        next(one for one in body.output if one.name == name).CopyFrom(value(name, None, dtype))
    nodes = [
        helper.make_node("Relu", ["x"], ["start"]),
        helper.make_node("Loop", ["trips", "", "start"], ["last", "all"], name="repeat", body=body),
    ]
    tensors = [array("trips", numpy.int64(trips)), array("factor", numpy.float32([2, 3, 4]))]
    return model_of(nodes, [value("x", ["n", 3])], ["last", "all"], tensors)


def test_the_first_iteration_of_a_loop_is_shown_and_said_to_be(tmp_path):
    given = numpy.float32([[1, 2, 3], [4, 5, 6]])
    report, outputs = run(tmp_path, looping(4), x=given)
    assert [one.path for one in report.table.rows[2:]] == [
        "repeat", "repeat/body/grow", "repeat/body/average", "repeat/body/Identity_2",
    ]  # fmt: skip
    assert mean(report, "repeat/body/average") == pytest.approx(float(outputs["all"][0]))
    assert mean(report, "repeat/body/grow") == pytest.approx(float((given * [2, 3, 4]).mean()))
    assert row(report.table, "repeat/body/grow").output_shapes == [[2, 3]]
    assert "repeat" in next(note.message for note in report.table.notes if note.code == "first-iteration")


def test_a_loop_that_never_turns_reaches_nothing_inside(tmp_path):
    report, _ = run(tmp_path, looping(0), x=numpy.ones((1, 3), numpy.float32))
    assert [one.reached for one in report.table.rows] == [True, True, True, False, False, False]


@pytest.mark.parametrize(("direction", "expected"), [(0, [1, 2]), (1, [5, 6])])
def test_a_scan_shows_its_first_step(tmp_path, direction, expected):
    body = graph(
        [helper.make_node("Add", ["s", "e"], ["s2"], name="add"), helper.make_node("Identity", ["s2"], ["o"])],
        [value("s", [2]), value("e", [2])],
        ["s2", "o"],
    )
    for one in body.output:
        one.CopyFrom(value(one.name, [2]))
    node = helper.make_node(
        "Scan", ["zero", "x"], ["final", "y"], name="scan", body=body, num_scan_inputs=1,
        scan_input_directions=[direction],
    )  # fmt: skip
    model = model_of([node], [value("x", [3, 2])], ["final", "y"], [array("zero", numpy.zeros(2, numpy.float32))])
    report, outputs = run(tmp_path, model, x=numpy.float32([[1, 2], [3, 4], [5, 6]]))
    assert outputs["y"][0].tolist() == expected
    assert mean(report, "scan/body/add") == pytest.approx(numpy.mean(expected))


def test_a_body_in_a_body_is_gone_through_in_the_same_way(tmp_path):
    inner = branching().graph.node[2]
    body = graph(
        [
            helper.make_node("ReduceSum", ["state"], ["total"], keepdims=0),
            helper.make_node("Greater", ["total", "zero"], ["positive"]),
            helper.make_node("Identity", ["state"], ["xx"]),
            inner,
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        [value("i", [], INT64), value("go", [], BOOL), value("state", [2])],
        ["on", "y"],
    )
    for attribute in body.node[3].attribute:
        for node in attribute.g.node:
            node.input[:] = ["xx" if name == "x" else name for name in node.input]
    body.output[0].CopyFrom(value("on", [], BOOL))
    body.output[1].CopyFrom(value("y", [2]))
    loop = helper.make_node("Loop", ["trips", "", "x"], ["last"], name="repeat", body=body)
    tensors = [array("trips", numpy.int64(1)), array("zero", numpy.float32(0))]
    report, outputs = run(tmp_path, model_of([loop], [value("x", [2])], ["last"], tensors), x=numpy.float32([3, 4]))
    path = "repeat/body/choice/then_branch/sum"
    assert mean(report, path) == pytest.approx(float(outputs["last"].mean()))
    assert not row(report.table, "repeat/body/choice/else_branch/Neg_0").reached
    assert "repeat/body/choice/then_branch/w" in [one.key for one in report.table.tensors]


def test_a_number_that_is_none_is_found_inside_a_body(tmp_path):
    report, _ = run(tmp_path, branching(), x=numpy.float32([-1000, -1]))
    assert report.first_nonfinite.path == "choice/else_branch/Exp_1"


def with_functions(nodes, functions, outputs, inputs=None, initializers=()):
    model = model_of(nodes, inputs or [value("x", [2, 3])], outputs, list(initializers))
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.extend(functions)
    return model


def function(name, inputs, outputs, nodes, attributes=()):
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, inputs, outputs, nodes, versions, list(attributes))


def scaled():
    """y = LeakyRelu(x, slope), and twice(x) = act(act(x)) + 1, each with an inner value called h."""
    leaky = helper.make_node("LeakyRelu", ["a"], ["h"], name="leaky")
    leaky.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    act = function("Act", ["a"], ["b"], [leaky, helper.make_node("Identity", ["h"], ["b"])], ["slope"])
    twice = function(
        "Twice", ["a"], ["b"],
        [
            helper.make_node("Act", ["a"], ["h"], name="first", domain="local", slope=0.25),
            helper.make_node("Act", ["h"], ["g"], name="second", domain="local", slope=0.5),
            helper.make_node("Constant", [], ["one"], value=array("", numpy.float32(1)), name="one"),
            helper.make_node("Add", ["g", "one"], ["b"], name="plus"),
        ],
    )  # fmt: skip
    nodes = [
        helper.make_node("Twice", ["x"], ["h"], name="left", domain="local"),
        helper.make_node("Twice", ["h"], ["y"], name="right", domain="local"),
    ]
    return with_functions(nodes, [act, twice], ["y"])


def test_a_call_of_a_function_is_a_node_with_the_functions_nodes_below_it(tmp_path):
    given = numpy.float32([[-8, 4, -2], [1, -1, 3]])
    report, outputs = run(tmp_path, scaled(), x=given)
    assert [(one.path, one.type) for one in report.table.rows[1:9]] == [
        ("left", "local.Twice"),
        ("left/first", "local.Act"),
        ("left/first/leaky", "LeakyRelu"),
        ("left/first/Identity_1", "Identity"),
        ("left/second", "local.Act"),
        ("left/second/leaky", "LeakyRelu"),
        ("left/second/Identity_1", "Identity"),
        ("left/one", "Constant"),
    ]
    assert {one.kind for one in report.table.rows[1:]} == {"node"}
    once = numpy.where(given > 0, given, given * 0.25)
    assert mean(report, "left/first/leaky") == pytest.approx(float(once.mean()))
    assert mean(report, "left/first") == pytest.approx(float(once.mean()))
    assert mean(report, "right") == pytest.approx(float(outputs["y"].mean()))
    assert row(report.table, "right/second/leaky").hyperparameters == "alpha=0.5"


def test_receptive_fields_go_through_functions(tmp_path):
    block = function(
        "Block", ["a", "w"], ["b"],
        [
            helper.make_node("Conv", ["a", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["b"]),
        ],
    )  # fmt: skip
    nodes = [
        helper.make_node("Block", ["x", "w1"], ["h"], name="one", domain="local"),
        helper.make_node("Block", ["h", "w2"], ["y"], name="two", domain="local"),
    ]
    weights = [normal("w1", 4, 4, 3, 3), normal("w2", 4, 4, 3, 3)]
    model = with_functions(nodes, [block], ["y"], [value("x", [1, 4, 16, 16])], weights)
    table = opened(tmp_path, model).trace([], quiet)
    assert row(table, "two").receptive_field.size == [5, 5]
    assert row(table, "one/Conv_0").own_parameters == row(table, "one").parameters == 144


def test_a_constant_inside_a_function_is_listed_for_each_call_and_cannot_be_changed(tmp_path):
    live = opened(tmp_path, scaled())
    keys = [one.key for one in live.table().tensors]
    assert keys == ["left/one", "right/one"]
    assert live.values("right/one", "", 1).rows == [[1.0]]
    assert live.explain(["right/one"])[0].parts
    with pytest.raises(RequestError, match="every call"):
        live.apply(Edit(action="set_element", where="left/one", index=[], argument="2"))


def test_a_body_inside_a_function_is_one_for_each_call(tmp_path):
    choice = function(
        "Choice", ["x"], ["y"],
        [
            helper.make_node("Constant", [], ["zero"], value=array("", numpy.float32(0))),
            *branching().graph.node,
        ],
    )  # fmt: skip
    nodes = [
        helper.make_node("Choice", ["x"], ["t"], name="one", domain="local"),
        helper.make_node("Choice", ["t"], ["f"], name="two", domain="local"),
    ]
    report, outputs = run(tmp_path, with_functions(nodes, [choice], ["f"], [value("x", [2])]), x=numpy.float32([3, 4]))
    assert mean(report, "two/choice/then_branch/sum") == pytest.approx(float(outputs["f"].mean()))
    assert {"one/choice/then_branch/one/w", "two/choice/then_branch/two/w"} & {
        one.key for one in report.table.tensors
    } or sum("then_branch" in one.key for one in report.table.tensors) == 2


def test_functions_that_call_each_other_without_end_are_named(tmp_path):
    ping = function("Ping", ["a"], ["b"], [helper.make_node("Pong", ["a"], ["b"], domain="local")])
    pong = function("Pong", ["a"], ["b"], [helper.make_node("Ping", ["a"], ["b"], domain="local")])
    model = with_functions([helper.make_node("Ping", ["x"], ["y"], domain="local")], [ping, pong], ["y"])
    with pytest.raises(RequestError, match="function Ping calls Pong calls Ping"):
        opened(tmp_path, model)


@pytest.mark.slow
def test_many_calls_are_shown_up_to_a_bound_and_the_rest_as_single_nodes(tmp_path):
    steps = [helper.make_node("Neg", [f"v{at}"], [f"v{at + 1}"]) for at in range(4)]
    act = function("Act", ["v0"], ["v4"], steps)
    calls = [helper.make_node("Act", [f"h{at}"], [f"h{at + 1}"], domain="local") for at in range(10_000)]
    table = opened(tmp_path, with_functions(calls, [act], ["h10000"], [value("h0", [2])])).table()
    assert len(table.rows) == 1 + 10_000 + MOST_INLINED
    assert "5,000 calls" in next(note.message for note in table.notes if note.code == "onnx-functions")


def test_functions_that_double_without_measure_are_refused(tmp_path):
    levels = [function("F0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])])]
    for level in range(1, 40):
        called = {"domain": "local"}
        nodes = [
            helper.make_node(f"F{level - 1}", ["a"], ["h"], **called),
            helper.make_node(f"F{level - 1}", ["h"], ["b"], **called),
        ]
        levels.append(function(f"F{level}", ["a"], ["b"], nodes))
    model = with_functions([helper.make_node("F39", ["x"], ["y"], domain="local")], levels, ["y"])
    with pytest.raises(RequestError, match=re.escape(f"{3 * 2**39 - 2:.3g} nodes")):
        opened(tmp_path, model)


def test_operators_of_another_domain_are_shown_and_said_not_to_run(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Warp", ["h"], ["y"], domain="com.acme")]
    model = model_of(nodes, [value("x", [2])], ["y"])
    model.opset_import.append(helper.make_opsetid("com.acme", 1))
    table = opened(tmp_path, model).trace([], quiet)
    assert row(table, "Warp_1").type == "com.acme.Warp"
    assert "com.acme (Warp_1)" in next(note.message for note in table.notes if note.code == "onnx-domain")
    assert row(table, "Relu_0").output_shapes == [[2]]


def test_a_failure_inside_a_body_names_the_inner_node_and_what_reached_it(tmp_path):
    """Of a Reshape in the branch of an If in the branch of an If; onnxruntime's own message names it too."""
    reshape = helper.make_node("Reshape", ["half", "seven"], ["t"], name="reshape")
    halved = helper.make_node("Slice", ["x", "zero", "count"], ["half"], name="half")
    deep = graph([halved, reshape], [], ["t"], [array("seven", [7])])
    plain = graph([helper.make_node("Identity", ["x"], ["e"])], [], ["e"])
    inner = helper.make_node("If", ["c"], ["i"], name="inner", then_branch=deep, else_branch=plain)
    outer = graph([inner], [], ["i"])
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="outer", then_branch=outer, else_branch=plain),
        helper.make_node("Relu", ["y"], ["z"], name="after"),
    ]
    inputs = [value("x", [4]), value("c", [], BOOL), value("count", [1], INT64)]
    model = model_of(nodes, inputs, ["z"], [array("zero", [0])])
    feeds = {"x": numpy.ones(4, numpy.float32), "c": numpy.array(True), "count": numpy.array([2])}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="'reshape'"):
        session.run(None, feeds)
    for name, values in feeds.items():
        numpy.save(tmp_path / f"{name}.npy", values)
    specs = [InputSpec(name=name, file=str(tmp_path / f"{name}.npy")) for name in feeds]
    live = opened(tmp_path, model)
    for table in (live.forward(ForwardSettings(inputs=specs), quiet).table, live.trace(specs, quiet)):
        assert table.failure.path == "outer/then_branch/inner/then_branch/reshape"
        assert table.failure.input_shapes[0] == [2]
        assert row(table, "outer/then_branch/inner/then_branch/half").output_shapes == [[2]]
        assert not row(table, "after").reached
