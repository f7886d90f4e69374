"""`nninspect forward` on an ONNX file: values that are asked for, and optimisations."""

import json
import subprocess
import sys

import numpy
import onnxruntime
import pytest


def forward(*arguments):
    command = [sys.executable, "-m", "inspector", "forward", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_values_of_a_node_and_the_optimised_run_are_in_the_document(tmp_path, sample):
    numpy.save(tmp_path / "x.npy", numpy.random.default_rng(0).normal(size=(1, 1, 32, 32)).astype(numpy.float32))
    file = sample("lenet.onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    declared = session.get_inputs()[0]
    shape = [1 if isinstance(size, str) else size for size in declared.shape]
    image = numpy.random.default_rng(0).normal(size=shape).astype(numpy.float32)
    numpy.save(tmp_path / "x.npy", image)
    (expected,) = session.run(None, {declared.name: image})
    output = session.get_outputs()[0].name
    done = forward(file, "--input", f"@{tmp_path / 'x.npy'}", "--values", f"{output}[0, 2:5]", "--optimised", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["values"][0]["rows"] == [pytest.approx(expected[0, 2:5].tolist(), rel=1e-4)]
    optimised = document["optimised"]
    assert optimised["seconds"] > 0
    assert 0 < optimised["nodes"] <= optimised["unoptimised_nodes"]
    assert optimised["max_abs"] < 1e-4
    assert all(row["device"] == "cpu" for row in document["rows"])
    text = forward(file, "--input", f"@{tmp_path / 'x.npy'}", "--values", output)
    assert f"{output}  1×10  float32" in text.stdout


@pytest.mark.slow
def test_a_value_that_is_not_there_is_one_sentence(sample):
    done = forward(sample("lenet.onnx"), "--values", "nowhere")
    assert done.returncode == 2
    assert "no tensor, node or value 'nowhere'" in done.stderr
    refused = forward(sample("lenet.py"), "--optimised")
    assert refused.returncode == 2
    assert "for ONNX models" in refused.stderr
