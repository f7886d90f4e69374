"""`nninspect forward` on an ONNX file: values that are asked for, and optimisations."""

import json

import numpy
import onnxruntime
import pytest
from at_hand import called


def forward(*arguments, in_a_shell=False):
    return called("forward", *arguments, in_a_shell=in_a_shell)


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
    done = forward(
        file,
        "--input",
        f"@{tmp_path / 'x.npy'}",
        "--values",
        f"{output}[0, 2:5]",
        "--optimised",
        "--json",
        in_a_shell=True,
    )
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


@pytest.mark.slow
def test_two_states_stand_side_by_side(sample):
    document = json.loads(forward(sample("lenet.py"), "--compare", "init", "--backward", "--json").stdout)
    compared = document["compared"]
    assert "initialised 10 tensors" in compared["told"]
    assert compared["after"]["failure"] is None
    rows = compared["rows"]
    assert [row["change"] for row in rows] == sorted((row["change"] for row in rows), reverse=True)
    for row in rows:
        known = document["rows"][row["row"]]
        assert (known["path"], known["call"], known["type"]) == (row["path"], row["call"], row["type"])
        gradient = next(one for one in row["quantities"] if one["name"] == "gradient")
        assert gradient["before"] == known["gradient_norm"]
        assert gradient["ratio"] == pytest.approx(gradient["after"] / gradient["before"])
    text = forward(sample("lenet.py"), "--compare", "train").stdout
    assert "rms before  rms after" in text
    assert "after: in train mode" in text
    assert "no row changed by 5 % or more" in text


@pytest.mark.slow
def test_the_gradient_flow_is_drawn_and_shared_layers_tell_their_uses(sample):
    done = forward(sample("shared_layer.py"), "--backward", "--plot")
    assert done.returncode == 0, done.stderr
    assert (
        "net.2.weight = net.4.weight = net.6.weight: its gradient is the sum over 3 uses: net.2 Linear " in done.stdout
    )
    flow = done.stdout.split("gradient flow")[1].splitlines()[1:]
    assert [line.split()[0] for line in flow[:6]] == [
        f"net.{layer}.{name}" for layer in (0, 2, 8) for name in ("weight", "bias")
    ]
    assert all("█" in line for line in flow[:6])
    document = json.loads(forward(sample("shared_layer.py"), "--backward", "--json").stdout)
    tensor = next(one for one in document["tensors"] if one["key"] == "net.4.weight")
    assert sum(use["share"] for use in tensor["gradient_uses"]) == pytest.approx(1, rel=1e-4)
    assert tensor["gradient_ratio"] > 0
    assert tensor["weight_rms"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lenet.py", "--plot"], "add --backward"),
        (["lenet.py", "--compare", "eval"], "in eval mode already"),
        (["lenet.py", "--compare", ""], "--compare is empty"),
        (["lenet.py", "--compare", "no-such-file.pt"], "no-such-file.pt"),
        (["lenet.onnx", "--compare", "bfloat16"], "name another .onnx file"),
        (["lenet.onnx", "--compare", "lenet.onnx", "--optimised"], "ask for one of them"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(arguments, sentence, sample):
    done = forward(sample(arguments[0]), *arguments[1:])
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
