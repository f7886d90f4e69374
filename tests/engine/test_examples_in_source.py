"""Examples of the input are read from the source, and believed only if the model runs on them."""

import pytest

from inspector.core.recipe import Recipe
from inspector.engine.pytorch.inputs.examples_in_source import examples_of_calls, shapes_in_words
from inspector.engine.pytorch.model import TorchModel


@pytest.mark.parametrize(
    ("block", "specs"),
    [
        ("x = torch.randn(2, 3, 572, 572)\nNet()(x)", ["2x3x572x572"]),
        ("net = Net().to(device)\nB, S = 4, 2 * 8\ny = net(torch.rand((B, 1, S, S)).float())", ["4x1x16x16~uniform"]),
        ("net = Net()\nnet(torch.randint(0, 100, (2, 7)), mask=torch.ones(2, 7).bool())",
         ["2x7:int64~range(0,100) mask=2x7:bool"]),
        ("net = Net()\nsummary(net, input_size=(1, 28, 28))", ["1x28x28"]),
        ("net = Net()\ntorch.onnx.export(net, (torch.zeros(1, 3, 8, 8), torch.arange(5)), 'a.onnx')",
         ["1x3x8x8~zeros 5:int64~range(0,5)"]),
        ("net = Net()\ntorch.jit.trace(net, torch.randn(1, 9).unsqueeze(0))", ["1x1x9"]),
        ("def test_it():\n    model = build()\n    model(torch.randn(1, 5))\ndef build():\n    return Net()", ["1x5"]),
        ("other = Other()\nother(torch.randn(1, 5))", []),
    ],
)  # fmt: skip
def test_calls_of_the_model_are_examples(block, specs):
    text = f"import torch\nclass Net: ...\nclass Other: ...\n{block}\n"
    found = [" ".join(map(str, example.specs)) for example in examples_of_calls(text, {"Net"})]
    assert list(dict.fromkeys(found)) == specs


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        ("# input: (B, 3, 32, 32)", [[3, 32, 32]]),
        ("x: tensor of [N, 4, 9, 9]", [[4, 9, 9]]),
        ("# N x 3 x 299 x 299", [[3, 299, 299]]),
        ("self.fc = nn.Linear(16 * 5 * 5, 120)", []),
        ("(B, C, H, W)", []),
    ],
)
def test_shapes_are_read_from_words(words, sizes):
    assert [found for _, found in shapes_in_words(words)] == sizes


SOURCE = '''
import torch
from torch import nn


class Net(nn.Module):
    """For spectra of shape (batch, 2, {words})."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 38, 3))

    def forward(self, x):
        return self.body(x)


if __name__ == "__main__":
    print(Net()(torch.randn(5, 2, {called})))
'''


@pytest.mark.parametrize(
    ("words", "called", "shape", "origin", "line"),
    [(40, 40, [5, 2, 40], "declared", 18), (40, 41, [1, 2, 40], "declared", 7), (41, 41, [1, 2, 40], "inferred", 0)],
    ids=["a call", "words", "neither"],
)
def test_an_example_is_taken_if_the_model_runs_on_it(tmp_path, words, called, shape, origin, line):
    file = tmp_path / "spectra.py"
    file.write_text(SOURCE.format(words=words, called=called))
    table = TorchModel.open(Recipe(target=f"{file}:Net")).trace([], lambda *_: None)
    found = table.inputs[0]
    assert table.failure is None
    assert (found.shape, found.origin) == (shape, origin)
    assert line == 0 or found.reason == f"declared in spectra.py, line {line}"
