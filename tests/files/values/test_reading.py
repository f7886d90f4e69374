"""What is read from files equals what torch reads, for every format, dtype and view."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inspector.core.errors import RequestError
from inspector.files import open_catalog
from inspector.files.values.reading import read_tensor

NAMES = [
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
    "complex32", "complex64", "complex128", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64",
    "bool",
]  # fmt: skip


def numbers(name: str) -> torch.Tensor:
    dtype = getattr(torch, name)
    values = torch.linspace(-3, 100, 24).reshape(2, 3, 4)
    if dtype.is_complex:
        return torch.complex(values, values.flip(0)).to(dtype)
    return (values.abs() if name.startswith("uint") else values).to(dtype)


ALL = {name: numbers(name) for name in NAMES}


def written(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"weights.{kind}"
    if kind == "safetensors":
        save_file({name: value for name, value in ALL.items() if name not in ("complex32", "complex128")}, path)
    else:
        torch.save(ALL, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def as_wide(values: torch.Tensor) -> np.ndarray:
    return values.to(torch.complex128 if values.is_complex() else torch.float64).numpy()


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_every_dtype_reads_as_torch_reads_it(tmp_path: Path, kind: str) -> None:
    catalog = open_catalog(written(tmp_path, kind))
    assert len(catalog.tensors) >= 18
    for tensor in catalog.tensors:
        read = read_tensor(catalog, tensor)
        wide = as_wide(ALL[tensor.key])
        assert not read.flags.writeable
        np.testing.assert_array_equal(read.astype(wide.dtype), wide, err_msg=tensor.key)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_views_of_one_storage_read_as_the_views_they_are(tmp_path: Path, kind: str) -> None:
    base = torch.arange(60.0).reshape(5, 12)
    views = {
        "whole": base,
        "transposed": base.t(),
        "column": base[:, 3],
        "strided": base[1::2, ::5],
        "expanded": base[2:3].expand(4, 12),
        "scalar": base[4, 11],
        "empty": base[:0],
    }
    path = tmp_path / "views.pt"
    torch.save(views, path, _use_new_zipfile_serialization=kind == "zip")
    catalog = open_catalog(path)
    loaded = torch.load(path, weights_only=True)
    for tensor in catalog.tensors:
        np.testing.assert_array_equal(read_tensor(catalog, tensor), loaded[tensor.key].numpy())


def test_quantised_tensors_read_as_their_integers(tmp_path: Path) -> None:
    values = torch.quantize_per_tensor(torch.linspace(-1, 1, 7), 0.1, 3, torch.qint8)
    torch.save({"q": values}, tmp_path / "q.pt")
    catalog = open_catalog(tmp_path / "q.pt")
    np.testing.assert_array_equal(read_tensor(catalog, catalog.tensors[0]), values.int_repr().numpy())


def test_a_big_endian_archive_is_turned_round(tmp_path: Path) -> None:
    torch.save({"x": torch.arange(5.0), "n": torch.arange(3)}, tmp_path / "little.pt")
    with zipfile.ZipFile(tmp_path / "little.pt") as little, zipfile.ZipFile(tmp_path / "big.pt", "w") as big:
        for info in little.infolist():
            data = little.read(info)
            if info.filename.endswith("/byteorder"):
                data = b"big"
            elif info.filename.endswith("/data/0"):
                data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
            elif info.filename.endswith("/data/1"):
                data = np.frombuffer(data, "<i8").astype(">i8").tobytes()
            big.writestr(info.filename, data)
    loaded = torch.load(tmp_path / "big.pt", weights_only=True)
    catalog = open_catalog(tmp_path / "big.pt")
    for tensor in catalog.tensors:
        np.testing.assert_array_equal(read_tensor(catalog, tensor), loaded[tensor.key].numpy())


def test_a_compressed_member_is_unpacked(tmp_path: Path) -> None:
    torch.save({"x": torch.arange(1000.0)}, tmp_path / "stored.pt")
    with (
        zipfile.ZipFile(tmp_path / "stored.pt") as stored,
        zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for info in stored.infolist():
            packed.writestr(info.filename, stored.read(info))
    catalog = open_catalog(tmp_path / "packed.pt")
    np.testing.assert_array_equal(read_tensor(catalog, catalog.tensors[0]), np.arange(1000.0, dtype=np.float32))


@pytest.mark.parametrize("shape", [(2**50,), (2**31, 2**31)])
def test_few_bytes_that_claim_endless_elements_are_not_walked_through(tmp_path: Path, shape: tuple[int, ...]) -> None:
    torch.save({"x": torch.zeros(1).expand(shape)}, tmp_path / "x.pt")
    catalog = open_catalog(tmp_path / "x.pt")
    with pytest.raises(RequestError, match="repeats its stored values"):
        read_tensor(catalog, catalog.tensors[0])


def test_what_lies_beyond_the_end_is_refused(tmp_path: Path) -> None:
    header = b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    (tmp_path / "cut.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    catalog = open_catalog(tmp_path / "cut.safetensors")
    with pytest.raises(RequestError, match="cut off"):
        read_tensor(catalog, catalog.tensors[0])


@pytest.mark.parametrize(
    ("tensor", "said"), [(torch.empty(3, device="meta"), "meta"), (torch.eye(3).to_sparse(), "sparse")]
)
def test_tensors_without_values_to_map_say_so(tmp_path: Path, tensor: torch.Tensor, said: str) -> None:
    torch.save({"x": tensor}, tmp_path / "x.pt")
    catalog = open_catalog(tmp_path / "x.pt")
    with pytest.raises(RequestError, match=said):
        read_tensor(catalog, catalog.tensors[0])


def test_a_member_whose_name_is_not_the_utf8_it_claims_to_be_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"x": torch.arange(4.0)}, path)
    data = bytearray(path.read_bytes())
    last = data.rfind(b"PK\x01\x02")
    data[last + 9] |= 0x08
    data[last + 46 + 2] = 0xB9
    path.write_bytes(data)
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(path)
    catalog = open_catalog(path)
    np.testing.assert_array_equal(read_tensor(catalog, catalog.tensors[0]), np.arange(4.0, dtype=np.float32))


def test_a_member_that_is_not_where_the_directory_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"x": torch.arange(4.0)}, path)
    with zipfile.ZipFile(path) as archive:
        (header,) = (info.header_offset for info in archive.infolist() if info.filename.endswith("data/0"))
    data = bytearray(path.read_bytes())
    data[header : header + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    catalog = open_catalog(path)
    with pytest.raises(RequestError, match=r"x cannot be read from .*: .*data/0 is not where its directory says"):
        read_tensor(catalog, catalog.tensors[0])
