"""What `summary` says of the parts of a file."""

import json
from pathlib import Path

import torch
from click.testing import CliRunner

from inspector.cli.main import main


def summary(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["summary", *arguments], catch_exceptions=False, obj=[])
    assert done.exit_code in (0, None), done.output
    return done.stdout


def test_the_shares_are_said_in_sentences_the_largest_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    model = torch.nn.Linear(64, 64)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    half = {name: value.half() for name, value in model.state_dict().items()}
    path = tmp_path / "c.pt"
    torch.save({"model": half, "optimizer": optimizer.state_dict()}, path)
    lines = summary(str(path)).splitlines()
    at = next(number for number, line in enumerate(lines) if "of this file is" in line)
    assert lines[at].startswith("80 % of this file is Adam state (32.5 KiB of 40.6 KiB), in optimizer")
    assert lines[at + 1].startswith("20 % of this file is model weights (8.12 KiB of 40.6 KiB), in model")
    assert lines[at + 2].strip() == "by dtype: float32 32.5 KiB, float16 8.12 KiB"
    document = json.loads(summary(str(path), "--json"))
    assert [part["kind"] for part in document["file"]["parts"]] == ["weights", "optimizer"]
    assert document["file"]["dtypes"] == {"float32": 33288, "float16": 8320}
    assert document["file"]["devices"] == {"cpu": 41608}
    torch.save(model.state_dict(), path)
    assert "of this file is" not in summary(str(path))
