"""No file of a checkpoint is written over by what is mended of it, and none joins it."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.distributed.checkpoint import FileSystemWriter, save

from inspector.core.errors import RequestError
from inspector.core.repair import RepairSettings
from inspector.engine.pytorch.repairing import repair


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def sharded(folder: Path, index: bool = True) -> Path:
    folder.mkdir()
    where = {}
    for number in (0, 1):
        name = f"model-0000{number + 1}-of-00002.safetensors"
        part = {key: value for key, value in net().state_dict().items() if key.startswith(str(number))}
        save_file(part, folder / name)
        where |= dict.fromkeys(part, name)
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mend(weights: Path, output: Path) -> str:
    """What is said instead of writing; empty where it is written."""
    settings = RepairSettings(weights=str(weights), output=str(output), overwrite=True)
    try:
        assert repair(net(), settings, lambda done, total, text: None).written
    except RequestError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("source", ["model.safetensors.index.json", ""])
@pytest.mark.parametrize("output", ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
@pytest.mark.parametrize("index", [True, False])
def test_a_shard_is_never_written_over(tmp_path: Path, source: str, output: str, index: bool) -> None:
    folder = sharded(tmp_path / "sh", index)
    if source and not index:
        return
    before = contents(folder)
    os.link(folder / output, tmp_path / "hard.safetensors")
    (tmp_path / "soft.safetensors").symlink_to(folder / output)
    for place in (folder / output, tmp_path / "hard.safetensors", tmp_path / "soft.safetensors"):
        assert "never written over" in mend(folder / source, place)
    assert contents(folder) == before
    assert mend(folder / source, tmp_path / "mended.safetensors") == ""


def test_a_shard_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sh")
    absent = folder / "model-00002-of-00002.safetensors"
    absent.unlink()
    assert "never written over" in mend(folder / "model.safetensors.index.json", absent)
    assert not absent.exists()


def test_a_piece_of_a_distributed_checkpoint_is_never_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "dcp"
    save({"model": net().state_dict()}, storage_writer=FileSystemWriter(folder), no_dist=True)
    piece = next(folder.glob("*.distcp"))
    before = contents(folder)
    os.link(piece, tmp_path / "piece.pt")
    os.link(folder / ".metadata", tmp_path / "metadata.pt")
    for name in ("piece.pt", "metadata.pt"):
        assert "never written over" in mend(folder, tmp_path / name)
    assert contents(folder) == before


@pytest.mark.parametrize("output", ["model.safetensors", "other-00001-of-00002.safetensors", "mended.pt"])
def test_nothing_is_put_where_the_folder_would_be_another_checkpoint(tmp_path: Path, output: str) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    torch.save(net().state_dict(), bare / "weights.bin")
    before = contents(bare)
    assert "would become a part of" in mend(bare, bare / output)
    assert contents(bare) == before
    assert mend(bare / "weights.bin", bare / output) == ""


def test_beside_an_index_there_is_room(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sh")
    assert mend(folder, folder / "mended.safetensors") == ""


def test_a_folder_of_shards_gets_no_more_of_them(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sh", index=False)
    assert "would become a part of" in mend(folder, folder / "model-00003-of-00002.safetensors")
    assert "would become a part of" in mend(folder, folder / "other-00001-of-00002.safetensors")
    assert mend(folder, folder / "mended.safetensors") == ""
