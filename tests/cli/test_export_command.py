"""`nninspect export`, and `nninspect diff` with ONNX files, as scripts call them."""

import json
import subprocess
from pathlib import Path

import onnx
import pytest
from at_hand import called

pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[2] / "sample_models"


def nninspect(*arguments: str | Path, status: int, in_a_shell: bool = False) -> subprocess.CompletedProcess[str]:
    done = called(*arguments, cwd=SAMPLES, in_a_shell=in_a_shell)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    path = tmp_path_factory.mktemp("export") / "lenet.onnx"
    done = nninspect(
        "export",
        "lenet.py",
        "--weights",
        "lenet.params",
        "-o",
        path,
        "--verify",
        "--json",
        "--dynamic",
        "x:0=n",
        status=0,
    )
    return path, json.loads(done.stdout)


def test_the_document_tells_rows_outputs_and_that_none_parts(lenet: tuple[Path, dict]) -> None:
    path, document = lenet
    assert {"path", "opset", "outputs", "rows", "first_divergence"} <= set(document)
    assert (document["path"], document["opset"]) == (str(path), onnx.load(path).opset_import[0].version)
    assert document["first_divergence"] is None
    assert [row["path"] for row in document["rows"] if row["kind"] == "module"] == [
        "conv1",
        "conv2",
        "fc1",
        "fc2",
        "fc3",
    ]
    assert all({"path", "node", "max_abs", "relative"} <= set(row) for row in document["rows"])
    assert {"name", "max_abs", "relative"} <= set(document["outputs"][0])
    assert (document["matched_share"], len(document["passes"])) == (1, 2)
    assert document["declared_inputs"] == [{"name": "x", "shape": ["n", 3, 32, 32], "dtype": "float32"}]


def test_diff_of_the_model_and_its_file_and_of_a_changed_one(lenet: tuple[Path, dict], tmp_path: Path) -> None:
    same = json.loads(nninspect("diff", "lenet.py", lenet[0], "--json", status=0, in_a_shell=True).stdout)
    assert (same["same"], same["unchanged"], same["comparison"]["matched"]) == (True, 10, 5)
    model = onnx.load(lenet[0])
    weight = next(one for one in model.graph.initializer if one.name == "fc2.weight")
    weight.raw_data = bytes(len(weight.raw_data))
    model.graph.node.remove(next(node for node in reversed(model.graph.node) if node.op_type == "Relu"))
    next(node for node in model.graph.node if node.name == "node_linear_2").input[0] = "linear_1"
    onnx.save(model, tmp_path / "changed.onnx")
    document = json.loads(nninspect("diff", lenet[0], tmp_path / "changed.onnx", "--json", status=1).stdout)
    assert [one["key"] for one in document["changed"]] == ["fc2.weight"]
    assert document["nodes"]["only_a"] == ["node_relu_3 (Relu)"]
    assert document["comparison"]["first_divergence"]["path"] == "fc2/node_linear_1"


def test_a_model_that_decides_by_chance_is_not_said_to_agree_and_exits_with_1(tmp_path: Path) -> None:
    done = nninspect("export", "random_depth.py", "-o", tmp_path / "x.onnx", "--verify", status=1)
    assert f"wrote {tmp_path / 'x.onnx'}" in done.stdout
    assert "whether the file agrees with the model cannot be told: linear_4 is random" in done.stdout
    assert "3 of 3 modules with parameters matched" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lenet.onnx", "-o", "x.onnx"], "is no PyTorch model"),
        (["lenet.params", "-o", "x.onnx"], "is no PyTorch model"),
        (["lenet.py", "-o", "x.onnx", "--train"], "leave --train out"),
        (["lenet.py", "-o", "x.onnx", "--dynamic", "x"], "is not an axis"),
        (["lenet.py", "-o", f"{'n' * 250}.onnx"], "could not be written: File name too long"),
        (["lenet.py", "-o", f"{'n' * 250}.onnx", "--external-data"], "could not be written: File name too long"),
    ],
)
def test_refusals(arguments: list[str], told: str) -> None:
    assert told in nninspect("export", *arguments, status=2).stderr
    assert not (SAMPLES / "x.onnx").exists()
