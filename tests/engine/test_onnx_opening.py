import onnx
import pytest
from onnx import TensorProto, helper
from onnx_graphs import array, mlp, model_of, normal, opened, quiet, saved, value

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"PK\x03\x04 archive", "zip"),
        (b"just some words that are no protocol buffer", "text file"),
        (b"\x08\x08", "no graph"),
    ],
)
def test_a_file_that_is_no_model_is_named_for_what_it_is(tmp_path, content, words):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=words):
        open_onnx(Recipe(target=str(path)))


def test_a_truncated_model_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    content = mlp().SerializeToString()
    for kept in (len(content) // 4, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        with pytest.raises(RequestError, match=r"net\.onnx"):
            open_onnx(Recipe(target=str(path)))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(RequestError, match="no such file"):
        open_onnx(Recipe(target=str(tmp_path / "none.onnx")))
    with pytest.raises(RequestError, match="folder"):
        open_onnx(Recipe(target=str(tmp_path)))


@pytest.mark.parametrize(
    ("option", "recipe"),
    [("--weights", {"weights": "w.pt"}), ("--args", {"arguments": "width=2"}), ("--train", {"training": True})],
)
def test_options_that_an_onnx_file_has_no_use_for_are_refused(tmp_path, option, recipe):
    path = saved(tmp_path, mlp())
    with pytest.raises(RequestError, match=option):
        open_onnx(Recipe(target=path, **recipe))
    with pytest.raises(RequestError, match="no device 'cuda:9'"):
        open_onnx(Recipe(target=path, device="cuda:9"))


def test_what_the_checker_refuses_is_refused_with_its_words(tmp_path):
    backwards = mlp()
    nodes = list(backwards.graph.node)
    del backwards.graph.node[:]
    backwards.graph.node.extend(nodes[::-1])
    with pytest.raises(RequestError, match="topologically"):
        opened(tmp_path, backwards)
    short = mlp()
    short.graph.initializer[0].raw_data = short.graph.initializer[0].raw_data[:-4]
    with pytest.raises(RequestError, match=r"hidden\.weight.*56 bytes.*60"):
        opened(tmp_path, short)


def external(tmp_path):
    path = saved(tmp_path, mlp(), save_as_external_data=True, location="w.bin", size_threshold=0)
    return path, onnx.load(path, load_external_data=False)


def test_values_beside_the_model_are_read_when_asked_for(tmp_path):
    path, _ = external(tmp_path)
    live = open_onnx(Recipe(target=path))
    expected = onnx.numpy_helper.to_array(mlp().graph.initializer[0])
    assert live.values("hidden.weight", "", 9).rows == expected.tolist()
    assert live.forward(ForwardSettings(), quiet).first_nonfinite is None


def test_a_missing_data_file_leaves_the_structure_readable(tmp_path):
    path, _ = external(tmp_path)
    (tmp_path / "w.bin").unlink()
    live = open_onnx(Recipe(target=path))
    table = live.trace([], quiet)
    assert table.totals.parameters == 15 + 5 + 10 + 2
    assert [row.output_shapes for row in table.rows if row.path == "/hidden/Gemm"] == [[[1, 5]]]
    assert "w.bin" in next(note.message for note in table.notes if note.code == "external-data")
    with pytest.raises(RequestError, match=r"w\.bin, which is missing"):
        live.values("hidden.weight", "", 9)


def test_a_data_file_that_is_too_short_is_refused_when_it_is_read(tmp_path):
    path, _ = external(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    with pytest.raises(RequestError, match=r"w\.bin"):
        open_onnx(Recipe(target=path)).values("hidden.weight", "", 9)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "sub/../../secret.bin", ""])
def test_a_model_that_points_out_of_its_folder_is_not_opened(tmp_path, location):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 60)
    path, model = external(folder)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RequestError, match="outside the model's folder"):
        open_onnx(Recipe(target=path))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path, _ = external(folder)
    (folder / "w.bin").rename(tmp_path / "w.bin")
    (folder / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(RequestError, match="outside the model's folder"):
        open_onnx(Recipe(target=path))


def test_initializers_declared_as_inputs_are_not_inputs(tmp_path):
    old = mlp()
    old.ir_version = 3
    for tensor in old.graph.initializer:
        old.graph.input.append(value(tensor.name, list(tensor.dims)))
    table = opened(tmp_path, old).trace([], quiet)
    assert [one.name for one in table.inputs] == ["x"]
    assert table.outputs[0].shape == [1, 2]


def test_names_that_repeat_or_are_missing_still_give_every_row_its_own_path(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"], name="same"),
        helper.make_node("Relu", ["b"], ["c"], name="same"),
        helper.make_node("Relu", ["c"], ["d"], name="Relu_0"),
        helper.make_node("Relu", ["d"], ["e"], name="block"),
        helper.make_node("Relu", ["e"], ["f"], name="block/Relu"),
        helper.make_node("Relu", ["f"], ["y"], name="[bold]/ü [/]"),
    ]
    table = opened(tmp_path, model_of(nodes, [value("x", [2])], ["y"])).table()
    paths = [row.path for row in table.rows]
    assert len(paths) == len(set(paths))
    assert sum(row.kind == "node" for row in table.rows) == 7


def test_every_tensor_type_that_onnx_has_can_be_listed_and_read(tmp_path):
    types = {name: code for name, code in TensorProto.DataType.items() if name not in ("UNDEFINED", "STRING")}
    zero = {name: 1 if name == "FLOAT8E8M0" else 0 for name in types}  # which has no 0
    listed = [
        helper.make_tensor(name, code, [2, 3], [1, zero[name], 1, 1, zero[name], 1]) for name, code in types.items()
    ]
    text = helper.make_tensor("TEXT", TensorProto.STRING, [1], [b"word"])
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2])], ["y"], [*listed, text], opset=23)
    model.ir_version = 11
    live = opened(tmp_path, model)
    assert len(live.table().tensors) == len(types) + 1
    for name in types:
        assert live.values(name, "", 4).rows == [[1, zero[name], 1]] * 2, name
    with pytest.raises(RequestError, match="text"):
        live.values("TEXT", "", 4)


def test_unused_weights_count_in_the_model(tmp_path):
    model = mlp()
    model.graph.initializer.append(normal("unused", 7))
    model.graph.initializer.append(array("count", [3]))
    table = opened(tmp_path, model).table()
    assert table.rows[0].parameters == table.totals.parameters == 32 + 7
    assert table.rows[0].buffers == table.totals.buffers == 1
