"""Broken files are named for what is wrong with which node; none gives a traceback, none hangs."""

import re
import struct

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_graphs import BOOL, array, mlp, model_of, normal, opened, quiet, saved, value
from onnx_mutations import convolutions, loop, mutated, seeds

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.wire import head

node = helper.make_node


def refusal(folder, content):
    path = folder / "net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    with pytest.raises(RequestError) as caught:
        open_onnx(Recipe(target=str(path))).trace([], quiet)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def unary(*nodes, outputs=("y",), weights=()):
    return model_of(list(nodes), [value("x", [2, 3])], list(outputs), list(weights))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (unary(node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), outputs="b"), "Add_0 → Relu_1 → Add_0"),
        (unary(node("Add", ["x", "z"], ["y"], name="sum")), r"sum \(Add\) reads 'z', which no node"),
        (unary(node("Relu", ["x"], ["y"]), outputs=["z"]), "output 'z' of the graph is made by no node"),
        (
            unary(node("Relu", ["a"], ["y"]), node("Neg", ["x"], ["a"])),
            "Relu_0 .* 'a', which only the later node Neg_1",
        ),
        (unary(node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])), "Relu_0 and Neg_1 both make 'y'"),
        (unary(node("Gemm", ["x"], ["y"], name="fc")), r"node fc \(Gemm\).*input size 1"),
        (unary(node("Gemm", ["x", ""], ["y"], name="fc")), r"node fc \(Gemm\).*input 1"),
        (unary(node("Concat", ["x"], ["y"], name="join")), r"node join \(Concat\).*'axis' is missing"),
        (unary(node("Relu", ["x"], ["y"], name="act", speed=3)), r"node act \(Relu\).*speed"),
        (unary(node("Einsum", ["x"], ["y"], equation="ij-")), r"node Einsum_0 \(Einsum\) has the equation 'ij-'"),
        (unary(node("Einsum", ["x"], ["y"], equation="i.j->ji")), r"has the equation 'i\.j->ji'"),
        (unary(node("Frobnicate", ["x"], ["y"])), r"node Frobnicate_0 \(Frobnicate\)"),
        (unary(node("Add", ["x", "w"], ["y"]), weights=[normal("w", 3), normal("w", 3)]), "w initializer name"),
    ],
)
def test_what_breaks_the_rules_is_named_with_its_node(tmp_path, model, words):
    assert re.search(words, refusal(tmp_path, model))


def test_what_is_wrong_inside_a_body_is_named_with_its_path(tmp_path):
    model = loop()
    choice = model.graph.node[0].attribute[0].g.node[0]
    next(one for one in choice.attribute if one.name == "else_branch").g.node[0].input[1] = "nobody"
    assert "repeat/body/choice/else_branch/Mul_0 (Mul) reads 'nobody'" in refusal(tmp_path, model)


def test_an_equation_in_a_body_of_a_function_is_looked_at(tmp_path):
    """onnx's own inference would not come back from it."""
    bodies = [
        helper.make_graph([node("Einsum", ["x"], ["z"], equation=equation)], "body", [], [value("z", [4])])
        for equation in ("i#->i", "i->i")
    ]
    function = helper.make_function(
        "own", "Choose", ["x", "if"], ["y"],
        [helper.make_node("If", ["if"], ["y"], then_branch=bodies[0], else_branch=bodies[1])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    model = unary(node("Choose", ["x", "c"], ["y"], domain="own"), weights=[array("c", True)])
    model.functions.append(function)
    assert "(Einsum) has the equation 'i#->i'" in refusal(tmp_path, model)


def test_types_and_sizes_that_contradict_each_other_fail_at_their_node(tmp_path):
    wrong_type = unary(node("Add", ["x", "w"], ["y"], name="sum"), weights=[array("w", [1, 2, 3])])
    assert opened(tmp_path, wrong_type).trace([], quiet).failure.path == "sum"
    wrong_size = unary(node("MatMul", ["x", "w"], ["y"], name="product"), weights=[normal("w", 2, 3)])
    assert opened(tmp_path, wrong_size).trace([], quiet).failure.path == "product"


def with_weight(**changes):
    model = mlp()
    for name, changed in changes.items():
        if name == "dims":
            model.graph.initializer[0].dims[:] = changed
        elif changed is None:
            model.graph.initializer[0].ClearField(name)
        else:
            setattr(model.graph.initializer[0], name, changed)
    return model


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dims": [10**9, 10**9]}, "holds 60 bytes where its shape [1000000000, 1000000000] takes 4,000,000"),
        ({"dims": [-5, 3]}, "impossible shape [-5, 3]"),
        ({"dims": [2**62, 2**62]}, "impossible shape"),
        ({"raw_data": None}, "holds 0 numbers where its shape [5, 3] takes 15"),
        ({"data_type": 0}, "element type 0"),
        ({"data_type": TensorProto.DOUBLE}, "holds 60 bytes where its shape [5, 3] takes 120"),
    ],
)
def test_tensors_that_cannot_be_are_named(tmp_path, changes, words):
    sentence = refusal(tmp_path, with_weight(**changes))
    assert "hidden.weight" in sentence
    assert words in sentence


def test_a_cut_file_is_said_to_be_cut_and_where(tmp_path):
    content = convolutions().SerializeToString()
    at = content.index(b"/conv2/Conv")
    assert "graph.node[3]" in refusal(tmp_path, content[:at])
    assert "graph.initializer[0]" in refusal(tmp_path, content[: content.index(b"conv1.weight", at) + 30])


def test_a_field_of_the_wrong_kind_is_named(tmp_path):
    content = bytearray(mlp().SerializeToString())
    at = content.index(b"\x22\x04Gemm")
    content[at : at + 6] = b"\x20\x01\x20\x01\x20\x01"
    assert "`op_type` has wire type 0 where 2 belongs, in graph.node[0]" in refusal(tmp_path, bytes(content))


def test_text_that_is_none_is_named(tmp_path):
    content = mlp().SerializeToString().replace(b"/hidden/Gemm", b"/hid\xffen/Gemm")
    assert "`name` is no text (not UTF-8), in graph.node[0]" in refusal(tmp_path, content)


def nested(depth):
    """Graphs in graphs, field by field: protocol buffers themselves write no more than a hundred in each other."""
    graph = helper.make_graph([node("Identity", ["x"], ["o"])], "g", [], [value("o", [2])]).SerializeToString()
    shell = helper.make_graph([], "g", [], [value("o", [2])]).SerializeToString()
    for _ in range(depth):
        attribute = head(1, 11) + b"then_branch" + head(6, len(graph)) + graph + b"\xa0\x01\x05"
        inner = head(1, 1) + b"c" + head(2, 1) + b"o" + head(4, 2) + b"If" + head(5, len(attribute)) + attribute
        graph = head(1, len(inner)) + inner + shell
    return b"\x08\x08" + head(7, len(graph)) + graph + helper.make_opsetid("", 17).SerializeToString()


def test_graphs_nested_without_measure_are_refused(tmp_path):
    for depth in (60, 1_000, 5_000):
        assert "graphs in graphs" in refusal(tmp_path, nested(depth))


def test_thirty_graphs_in_each_other_are_shown(tmp_path):
    graph = helper.make_graph([node("Identity", ["x"], ["o"])], "g", [], [value("o", [2])])
    for _ in range(30):
        other = helper.make_graph([node("Neg", ["x"], ["o"])], "g", [], [value("o", [2])])
        inner = node("If", ["c"], ["o"], then_branch=graph, else_branch=other)
        graph = helper.make_graph([inner], "g", [], [value("o", [2])])
    graph.input.extend([value("x", [2]), value("c", [], BOOL)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    table = opened(tmp_path, model).trace([], quiet)
    assert max(row.depth for row in table.rows) == 61
    assert len({row.path for row in table.rows}) == len(table.rows)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x02}q\x00.", "file of tensors"),
        (struct.pack("<Q", 8) + b'{"a":{}}', "safetensors"),
        (b"GGUF\x03\0\0\0" + bytes(40), "gguf"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        (b"\x1f\x8b\x08" + bytes(99), "gzip"),
        (b"\x1c\0\0\0TFL3" + bytes(99), "TensorFlow Lite"),
        (b'{"error": "not found"}', "not found"),
        (bytes(5000), "zeros"),
        (b"\x08\x08\x12\x03abc", "holds no graph"),
    ],
)
def test_another_file_called_onnx_is_named_for_what_it_is(tmp_path, content, words):
    assert words in refusal(tmp_path, content)


def test_an_empty_graph_is_shown_as_one(tmp_path):
    table = opened(tmp_path, model_of([], [value("x", [2])], [])).trace([], quiet)
    assert [row.type for row in table.rows] == ["graph"]


def test_versions_newer_than_known_are_noted_and_the_rest_is_shown(tmp_path):
    model = mlp()
    model.ir_version, model.opset_import[0].version = 99, 999
    table = opened(tmp_path, model).trace([], quiet)
    said = [note.message for note in table.notes if note.code == "onnx-newer"]
    assert "IR version 99" in said[0]
    assert "opset 999" in said[1]
    assert next(row for row in table.rows if row.path == "/output/Add").output_shapes == [[1, 2]]


def test_a_data_file_that_is_too_short_is_noted(tmp_path):
    path = saved(tmp_path, mlp(), save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").write_bytes(bytes(8))
    table = open_onnx(Recipe(target=path)).trace([], quiet)
    assert "w.bin has 8 bytes" in next(note.message for note in table.notes if note.code == "external-data")


def test_a_loop_that_turns_for_ever_does_not_hold_up_the_shapes(tmp_path):
    model = loop()
    model.graph.initializer[0].CopyFrom(array("trips", numpy.int64(2**62)))
    table = opened(tmp_path, model).trace([], quiet)
    assert "goes round 4,611,686,018,427,387,904 times" in next(
        note.message for note in table.notes if note.code == "not-run"
    )
    assert next(row for row in table.rows if row.path == "repeat").reached


def inspect(path):
    """What every command would do with the file; RequestError is the only way to fail."""
    table, sentences = None, []
    try:
        live = open_onnx(Recipe(target=path))
        table = live.trace([], quiet)
        for tensor in table.tensors:
            try:
                live.values(tensor.key, "", 4)
            except RequestError as problem:
                sentences.append(str(problem))
        live.explain([])
        live.source("")
    except RequestError as problem:
        sentences.append(str(problem))
    assert not any("\n" in sentence for sentence in sentences)
    return table


@pytest.mark.slow
def test_mutated_files_give_a_table_or_a_sentence(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    files = seeds(folder)

    @settings(max_examples=100, derandomize=True, deadline=30_000, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(files)), st.integers(0, 2**32))
    def mutations(name, seed):
        path = folder / "mutated.onnx"
        path.write_bytes(mutated(files[name], seed))
        inspect(str(path))

    mutations()
