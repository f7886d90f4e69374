"""Distributed checkpoints against torch's own reading of the same folders."""

import io
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from inspector.core.errors import RequestError
from inspector.files import open_catalog, table_of

pytestmark = pytest.mark.filterwarnings("ignore")


def content() -> dict[str, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    half = torch.ones(2, dtype=torch.bfloat16)
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "half": half}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dcp.save(content(), checkpoint_id=tmp_path / "step_10", no_dist=True)
    return tmp_path / "step_10"


def test_tensors_are_those_of_the_metadata(folder: Path) -> None:
    catalog = open_catalog(folder)
    metadata = dcp.FileSystemReader(folder).read_metadata()
    truth = {
        key: (list(record.size), str(record.properties.dtype)[6:], [list(chunk.offsets) for chunk in record.chunks])
        for key, record in metadata.state_dict_metadata.items()
        if hasattr(record, "chunks")
    }
    assert {t.key: (t.shape, t.dtype, [piece.at for piece in t.pieces]) for t in catalog.tensors} == truth
    assert catalog.format == "torch-distributed"
    assert "model" in {".".join(t.container) for t in catalog.tensors}
    assert [t.name for t in catalog.tensors if t.container == ["model"]] == list(content()["model"])
    assert any(key == "epoch" for key in catalog.containers[0].entries)
    assert (catalog.notes, catalog.unsafe_globals) == ([], [])
    assert open_catalog(folder / ".metadata") == catalog
    assert table_of(catalog, "x").file is not None


def test_each_piece_is_a_small_archive_at_its_place(folder: Path) -> None:
    truth = content()["model"]
    for tensor in open_catalog(folder).tensors:
        if tensor.container == ["model"]:
            (piece,) = tensor.pieces
            data = Path(piece.file).read_bytes()[piece.start : piece.start + piece.bytes]
            assert torch.equal(torch.load(io.BytesIO(data), weights_only=True), truth[tensor.name])


def test_missing_and_cut_off_files_are_noted(folder: Path) -> None:
    (file,) = folder.glob("*.distcp")
    data = file.read_bytes()
    file.write_bytes(data[:2000])
    assert {note.code for note in open_catalog(folder).notes} == {"out-of-storage"}
    file.unlink()
    catalog = open_catalog(folder)
    assert [note.code for note in catalog.notes] == ["shard-missing"]
    assert all(tensor.pieces for tensor in catalog.tensors)


def test_a_metadata_that_points_elsewhere_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (file,) = folder.glob("*.distcp")
    metadata = dcp.FileSystemReader(folder).read_metadata()
    file.rename(tmp_path / file.name)
    for info in metadata.storage_data.values():
        info.relative_path = f"../{file.name}"
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    assert [note.code for note in open_catalog(folder).notes] == ["shard-outside"]
    assert open_catalog(folder, allow_outside=True).notes == []


def test_other_pickles_named_metadata_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".metadata").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(RequestError, match="a pickle but not the metadata of a distributed checkpoint"):
        open_catalog(tmp_path)


def save_sharded(rank: int, port: int, folder: str) -> None:
    import torch.distributed as dist
    from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    whole = torch.arange(20.0).reshape(5, 4)
    dcp.save({"w": distribute_tensor(whole, mesh, [Shard(0)]), "v": torch.ones(3)}, checkpoint_id=folder)
    dist.destroy_process_group()


@pytest.mark.slow
def test_a_checkpoint_of_two_processes_shows_which_file_holds_what(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(save_sharded, (port, str(tmp_path / "two")), nprocs=2)
    catalog = open_catalog(tmp_path / "two")
    found = {t.key: t for t in catalog.tensors}
    assert [(piece.at, piece.shape) for piece in found["w"].pieces] == [([0, 0], [3, 4]), ([3, 0], [2, 4])]
    assert len({piece.file for piece in found["w"].pieces}) == 2
    assert len(catalog.shards) == 2
