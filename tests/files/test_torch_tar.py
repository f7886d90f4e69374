"""Tar files of PyTorch 0.1, written here in the layout that ``torch.load`` still reads, which is the oracle."""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from inspector.core.errors import RequestError
from inspector.files import open_catalog


class Writer(pickle.Pickler):
    """Refers to tensors by a number, as the old pickler did."""

    def __init__(self, stream: io.BytesIO, numbers: dict[int, int]) -> None:
        super().__init__(stream, protocol=2)
        self.numbers = numbers

    def persistent_id(self, value: Any) -> str | None:
        return str(self.numbers[id(value)]) if isinstance(value, torch.Tensor) else None


STORAGES = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage, torch.uint8: torch.ByteStorage}


def write_tar(
    path: Path, content: dict[str, Any], tensors: list[torch.Tensor], views: list[tuple[int, int, int, int]]
) -> None:
    numbers = {id(tensor): 1000 + place for place, tensor in enumerate(tensors)}
    roots = {t.untyped_storage().data_ptr(): t for t in tensors}
    keys = {pointer: place + 1 for place, pointer in enumerate(roots)}
    storages = io.BytesIO()
    pickle.dump(len(roots), storages, 2)
    for pointer, tensor in roots.items():
        pickle.dump((keys[pointer], "cpu", STORAGES[tensor.dtype]), storages, 2)
        whole = tensor.untyped_storage()
        storages.write(struct.pack("<q", len(whole) // tensor.itemsize) + bytes(whole))
    pickle.dump(views, storages, 2)
    listed = io.BytesIO()
    pickle.dump(len(tensors), listed, 2)
    for tensor in tensors:
        key = keys[tensor.untyped_storage().data_ptr()]
        offset = tensor.storage_offset()
        for target, root, first, _ in views:
            if root == key and offset >= first:
                key, offset = target, offset - first
        pickle.dump((numbers[id(tensor)], key, torch.FloatTensor), listed, 2)
        listed.write(struct.pack("<ii", tensor.ndim, 0))
        listed.write(struct.pack(f"<{2 * tensor.ndim + 1}q", *tensor.shape, *tensor.stride(), offset))
    main = io.BytesIO()
    Writer(main, numbers).dump(content)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, stream in (
            ("sys_info", io.BytesIO(b"")),
            ("pickle", main),
            ("tensors", listed),
            ("storages", storages),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(stream.getvalue())
            archive.addfile(info, io.BytesIO(stream.getvalue()))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    base = torch.arange(12.0).reshape(3, 4)
    state = OrderedDict(
        weight=base, turned=base.t(), row=base[1:], count=torch.tensor([3]), bytes=torch.ones(2, dtype=torch.uint8)
    )
    write_tar(tmp_path / "w.pth", {"state": state, "epoch": 3}, list(state.values()), [(77, 1, 4, 8)])
    return tmp_path / "w.pth"


def test_the_catalog_is_what_torch_loads(written: Path) -> None:
    catalog = open_catalog(written)
    loaded = torch.load(written, weights_only=False)["state"]
    assert catalog.format == "torch-tar"
    assert [(t.name, t.shape, t.strides, t.dtype) for t in catalog.tensors] == [
        (key, list(t.shape), list(t.stride()), str(t.dtype)[6:]) for key, t in loaded.items()
    ]
    assert catalog.containers[0].entries == {"epoch": "3"}
    assert {t.storage for t in catalog.tensors[:3]} == {"1"}
    data = written.read_bytes()
    for tensor in catalog.tensors:
        raw = torch.frombuffer(
            bytearray(data[tensor.start :][: 8 * (tensor.storage_offset + 12)]), dtype=loaded[tensor.name].dtype
        )
        assert torch.equal(raw.as_strided(tensor.shape, tensor.strides, tensor.storage_offset), loaded[tensor.name])


def test_a_tar_that_is_cut_off_is_refused(written: Path) -> None:
    data = written.read_bytes()
    end = max(place for place in range(len(data)) if data[place]) - 100
    written.write_bytes(data[:end])
    with pytest.raises(RequestError, match=r"PyTorch 0\.1 that is cut off or damaged"):
        open_catalog(written)


def test_any_other_tar_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("readme"))
    with pytest.raises(RequestError, match="a tar archive, not a file of weights; unpack it"):
        open_catalog(tmp_path / "a.tar")
