"""Repeated blocks in what `summary` prints, for files, PyTorch and ONNX alike."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from inspector.cli.main import main

NET = """
from torch import nn


class Block(nn.Module):
    def __init__(self, inner=16):
        super().__init__()
        self.up = nn.Linear(8, inner)
        self.down = nn.Linear(inner, 8)

    def forward(self, x):
        return x + self.down(self.up(x).relu())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Block(4 if number == 3 else 16) for number in range(6))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""


@pytest.fixture(params=["model.py", "weights.pt", "model.onnx"])
def target(request, tmp_path: Path) -> Path:
    """The same network as source, as weights and as ONNX."""
    path = tmp_path / request.param
    if path.suffix == ".py":
        path.write_text(NET + "\n\nmodel = Net()\n")
        return path
    scope: dict[str, type[nn.Module]] = {"__name__": "net"}
    exec(NET, scope)
    model = scope["Net"]()
    if path.suffix == ".pt":
        torch.save(model.state_dict(), path)
    else:
        torch.onnx.export(model, (torch.zeros(1, 8),), path, dynamo=False)
    return path


def summary(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["summary", *arguments], catch_exceptions=False, obj=[])
    assert done.exit_code in (0, None), done.output
    return done.stdout


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_block_is_printed_once_and_the_one_that_differs_by_itself(target: Path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    given = [str(target), *(["--input", "x=1x8"] if target.suffix == ".py" else [])]
    text, full = summary(*given), summary(*given, "--full")
    document = json.loads(summary(*given, "--json"))
    (block,) = document["blocks"]
    assert block["count"] == 5
    assert (block["first"].rpartition(".")[2], block["last"].rpartition(".")[2]) == ("0", "5")
    assert block["parameters"] == 5 * (8 * 16 + 16 + 16 * 8 + 8)
    assert block["bytes"] == 4 * block["parameters"]
    (differing,) = block["differs"]
    assert differing["path"].endswith("layers.3")
    assert "up.weight 4×8, elsewhere 16×8" in differing["what"] or target.suffix == ".onnx"
    lines = text.splitlines()
    (heading,) = [line for line in lines if "layers.0…5 ×5" in line]
    assert f"{block['parameters']:,}" in heading
    (marked,) = [line for line in lines if " differs" in line and ":" not in line]
    assert marked.split()[0].endswith("3")
    assert f"{4 * block['rows']:,} rows of repeated blocks left out; --full prints all" in text
    assert text.count(" down ") == 2
    assert full.count(" down ") == 6
    assert "×5" not in full


@pytest.mark.slow
def test_layers_that_see_ever_more_of_the_input_are_one_block_with_the_first_and_last_field(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n"
        "stage = lambda: nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)))\n"
        "model = nn.Sequential(*(stage() for _ in range(4)))\n"
    )
    text = summary(str(path), "--input", "1x3x64x64")
    assert "0…3 ×4" in text
    assert "0…2 ×3" in text
    # Twelve convolutions of 3×3: each adds 2 to what the one before sees.
    assert "3×3 /1 … 25×25 /1" in text
    assert "differs" not in text
    full = summary(str(path), "--input", "1x3x64x64", "--full")
    assert all(f"{size}×{size} /1" in full for size in range(3, 26, 2))
    block, *_ = json.loads(summary(str(path), "--json", "--input", "1x3x64x64"))["blocks"]
    assert (block["first"], block["last"], block["count"]) == ("0", "3", 4)
