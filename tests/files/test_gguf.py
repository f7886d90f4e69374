"""GGUF files, written here by the format's description, and by llama.cpp's own writer where that is installed."""

import struct
from pathlib import Path
from typing import Any

import pytest

from inspector.core.errors import RequestError
from inspector.files import gguf, open_catalog, table_of

CODES = {"u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "f64": (12, "d")}


def text(value: str, order: str) -> bytes:
    return struct.pack(order + "Q", len(value.encode())) + value.encode()


def written(order: str, version: int, values: dict[str, Any], tensors: list[tuple[str, list[int], int, int]]) -> bytes:
    data = b"GGUF" + struct.pack(order + "IQQ", version, len(tensors), len(values))
    for key, value in values.items():
        data += text(key, order)
        if isinstance(value, str):
            data += struct.pack(order + "I", 8) + text(value, order)
        elif isinstance(value, list):
            data += struct.pack(order + "IIQ", 9, 8, len(value)) + b"".join(text(item, order) for item in value)
        else:
            number, code = CODES[value[0]]
            data += struct.pack(order + "I" + code, number, value[1])
    for name, shape, kind, offset in tensors:
        data += text(name, order) + struct.pack(f"{order}I{len(shape)}QIQ", len(shape), *shape[::-1], kind, offset)
    return data + bytes(-len(data) % 32)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_metadata_and_tensors(tmp_path: Path, order: str, version: int) -> None:
    values = {
        "general.architecture": "llama",
        "llama.block_count": ("u32", 2),
        "llama.rope": ("f32", 0.5),
        "tokens": ["a", "bc", ""],
        "flag": ("bool", True),
    }
    tensors = [("blk.0.attn.weight", [3, 64], 2, 0), ("norm.weight", [64], 0, 128), ("scale", [], 30, 384)]
    header = written(order, version, values, tensors)
    (tmp_path / "m.gguf").write_bytes(header + bytes(512))
    catalog = open_catalog(tmp_path / "m.gguf")
    assert catalog.format == "gguf"
    assert catalog.big_endian == (order == ">")
    assert catalog.containers[0].entries == {
        "version": str(version),
        "general.architecture": "llama",
        "llama.block_count": "2",
        "llama.rope": "0.5",
        "tokens": "array of 3",
        "flag": "True",
    }
    assert [(t.key, t.shape, t.dtype, t.bytes, t.start) for t in catalog.tensors] == [
        ("blk.0.attn.weight", [3, 64], "q4_0", 3 * 2 * 18, len(header)),
        ("norm.weight", [64], "float32", 256, len(header) + 128),
        ("scale", [], "bfloat16", 2, len(header) + 384),
    ]
    assert table_of(catalog, "m.gguf").totals.parameters == 3 * 64 + 64 + 1


def test_what_lies_beyond_the_end_is_noted(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(written("<", 3, {}, [("w", [8, 8], 0, 0)]) + bytes(100))
    assert [note.code for note in open_catalog(tmp_path / "m.gguf").notes] == ["out-of-storage"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "of version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "cut off or damaged"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62), "cut off or damaged"),
        (b"GGUF\3", "cut off or damaged"),
    ],
)
def test_damaged_headers_are_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(RequestError, match=sentence):
        open_catalog(tmp_path / "m.gguf")


def test_types_and_files_are_those_of_llama_cpp(tmp_path: Path) -> None:
    reference = pytest.importorskip("gguf")
    import numpy as np

    sizes = {int(kind): tuple(size) for kind, size in reference.GGML_QUANT_SIZES.items()}
    assert {number: (block, size) for number, (_, block, size) in gguf.TYPES.items()} == sizes
    for kind in reference.GGML_QUANT_SIZES:
        name = gguf.TYPES[int(kind)][0]
        assert kind.name[0] in "FBI" or name == kind.name.lower()
    writer = reference.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(3)
    writer.add_token_list(["a"] * 1000)
    writer.add_tensor("w", np.ones((4, 6), np.float32))
    packed = np.zeros((2, 3 * 18), np.uint8)
    writer.add_tensor("q", packed, raw_dtype=reference.GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    catalog = open_catalog(tmp_path / "m.gguf")
    told = {
        t.name: (t.shape.tolist()[::-1], t.n_bytes, t.data_offset)
        for t in reference.GGUFReader(tmp_path / "m.gguf").tensors
    }
    assert {t.name: (t.shape, t.bytes, t.start) for t in catalog.tensors} == told
