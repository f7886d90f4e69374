"""The sample models are what their docstrings say, and their weights fit them."""

import random
import subprocess
import sys
from pathlib import Path

import numpy
import onnxruntime
import pytest
import torch
from torch import nn
from zoo import executed
from zoo_samples import FOLDER, SAMPLES, build, loaded, state_in, values_for

stems = pytest.mark.parametrize("stem", sorted(SAMPLES))


def test_every_file_in_the_folder_is_a_sample_known_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*SAMPLES, "make_weights"}


def test_the_readme_names_every_sample_and_every_broken_one() -> None:
    text = (FOLDER / "README.md").read_text()
    for path in [*FOLDER.glob("*.py"), *FOLDER.glob("broken/*.py"), FOLDER / "lenet.onnx"]:
        assert f"`{path.name}" in text or f"/{path.name}`" in text


@stems
def test_a_sample_builds_loads_its_weights_and_runs(stem: str) -> None:
    output = loaded(stem)(values_for(stem))
    assert tuple(output.shape) == SAMPLES[stem].gives
    assert output.isfinite().all()


@stems
def test_weights_have_exactly_the_keys_of_the_model(stem: str) -> None:
    model = build(stem)
    model(values_for(stem))
    in_file = {key: tuple(tensor.shape) for key, tensor in state_in(FOLDER / SAMPLES[stem].weights).items()}
    assert in_file == {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}


@pytest.mark.slow
def test_the_weights_are_those_that_the_script_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "make_weights.py", tmp_path], check=True, timeout=120)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {*(sample.weights for sample in SAMPLES.values()), "lenet.onnx"}
    for name in made - {"lenet.onnx"}:
        there, here = state_in(tmp_path / name), state_in(FOLDER / name)
        assert there.keys() == here.keys()
        for key, tensor in here.items():
            torch.testing.assert_close(there[key], tensor)


def test_the_weights_are_small() -> None:
    sizes = [(FOLDER / sample.weights).stat().st_size for sample in SAMPLES.values()]
    sizes.append((FOLDER / "lenet.onnx").stat().st_size)
    assert max(sizes) < 300_000
    assert sum(sizes) < 1_500_000


def test_lenet_as_onnx_gives_the_outputs_of_lenet() -> None:
    images = torch.randn(4, 3, 32, 32)
    session = onnxruntime.InferenceSession(FOLDER / "lenet.onnx", providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"image": images.numpy()})
    numpy.testing.assert_allclose(scores, loaded("lenet")(images).detach().numpy(), atol=1e-5)


def test_what_the_docstrings_promise_holds() -> None:
    torch.manual_seed(0)
    assert build("centring")(torch.randn(5, 8)).mean().abs() < 1e-6

    bilinear, x = build("bilinear_reduction"), torch.randn(2, 6)
    expected = sum(
        bilinear.weight[i, j] * x[:, i : i + 1] * x[:, j : j + 1] for i in range(6) for j in range(6)
    )  # y_k = Σ_ij W_ijk x_i x_j, term by term
    torch.testing.assert_close(bilinear(x), expected)

    handwritten = build("handwritten_linear")
    assert not handwritten(torch.randn(2, 64)).requires_grad

    shared = build("shared_layer")
    assert shared.net[2] is shared.net[4] is shared.net[6]

    assert {depth_at(seed) for seed in range(30)} == {0, 1, 2, 3}

    line = loaded("regression_line").linear
    assert line.weight.item() == pytest.approx(2, abs=0.1)
    assert line.bias.item() == pytest.approx(1, abs=0.1)

    lazy = build("lazy_layers")
    assert all(nn.parameter.is_lazy(parameter) for parameter in lazy.parameters())

    plain, parallel = state_in(FOLDER / "registered_twice.params"), state_in(FOLDER / "parallel_whole.params")
    assert {f"module.{key}" for key in plain} == parallel.keys()
    assert "block.module.0.weight" in state_in(FOLDER / "parallel_part.params")


def depth_at(seed: int) -> int:
    """How often the network of random depth used its middle layer."""
    random.seed(seed)
    calls = executed(build("random_depth"), torch.randn(2, 10)).calls
    return sum(call.path == "middle" for call in calls)
