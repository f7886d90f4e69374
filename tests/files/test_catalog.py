"""The catalog of real files against torch's and safetensors' own reading of them."""

import argparse
import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch._weights_only_unpickler import _get_allowed_globals

from inspector.core.errors import RequestError
from inspector.files import open_catalog, table_of
from inspector.files.allowed_globals import is_allowed
from inspector.files.catalog import Catalog
from inspector.files.dtypes import ITEM_BYTES

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.int32,
    torch.int16, torch.int8, torch.uint8, torch.uint16, torch.bool, torch.float8_e4m3fn,
]  # fmt: skip


def declared(catalog: Catalog) -> list[tuple[object, ...]]:
    return [(t.key, t.shape, t.dtype, t.strides, t.storage_offset, t.elements, t.bytes) for t in catalog.tensors]


def truth(state: dict[str, Tensor]) -> list[tuple[object, ...]]:
    return [
        (k, list(t.shape), str(t.dtype)[6:], list(t.stride()), t.storage_offset(), t.numel(), t.numel() * t.itemsize)
        for k, t in state.items()
    ]


@given(
    st.dictionaries(
        st.text(max_size=12).filter(lambda key: key.isprintable()),
        st.tuples(st.lists(st.integers(0, 5), max_size=4), st.sampled_from(DTYPES), st.booleans(), st.booleans()),
        max_size=6,
    ),
    st.sampled_from(["zip", "legacy", "protocol 4", "protocol 5"]),
)
@settings(max_examples=60, deadline=None)
def test_keys_shapes_dtypes_strides_and_offsets_are_those_torch_loads(
    tmp_path_factory: pytest.TempPathFactory, wanted, variant: str
) -> None:
    if variant == "legacy":
        # torch writes dtypes without a storage class of their own there, and cannot read them back.
        wanted = {k: v for k, v in wanted.items() if v[1] not in (torch.uint16, torch.float8_e4m3fn)}
    state: dict[str, Tensor] = {}
    for key, (shape, dtype, transposed, sliced) in wanted.items():
        tensor = torch.zeros(shape, dtype=dtype)
        tensor = tensor[1:] if sliced and tensor.ndim and tensor.shape[0] > 1 else tensor
        state[key] = tensor.transpose(0, -1) if transposed and tensor.ndim > 1 else tensor
    if state:
        state["tied"] = next(iter(state.values()))
    path = tmp_path_factory.mktemp("any") / "w.pt"
    options: dict[str, object] = {"_use_new_zipfile_serialization": variant != "legacy"}
    if variant.startswith("protocol"):
        options["pickle_protocol"] = int(variant[-1])
    torch.save(OrderedDict(state), path, **options)
    catalog = open_catalog(path)
    loaded = torch.load(path, weights_only=not variant.startswith("protocol"))
    assert declared(catalog) == truth(loaded)
    assert catalog.format == ("torch-legacy" if variant == "legacy" else "torch-zip")
    pointers = [t.untyped_storage().data_ptr() if t.numel() else None for t in loaded.values()]
    for one, a in zip(catalog.tensors, pointers, strict=True):
        for other, b in zip(catalog.tensors, pointers, strict=True):
            if a is not None and b is not None:
                assert (one.storage == other.storage) == (a == b)
    assert catalog.notes == []
    assert catalog.unsafe_globals == []


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12).filter(lambda key: key.isprintable() and key != "__metadata__"),
        st.tuples(st.lists(st.integers(0, 5), max_size=4), st.sampled_from(DTYPES)),
        max_size=6,
    )
)
@settings(max_examples=40, deadline=None)
def test_safetensors_are_read_as_the_reference_reads_them(tmp_path_factory: pytest.TempPathFactory, wanted) -> None:
    path = tmp_path_factory.mktemp("any") / "w.safetensors"
    save_file({key: torch.zeros(shape, dtype=dtype) for key, (shape, dtype) in wanted.items()}, path, {"by": "us"})
    catalog = open_catalog(path)
    with safe_open(path, framework="pt") as reference:
        truths = {key: reference.get_tensor(key) for key in reference.keys()}  # noqa: SIM118
    assert {t.key: (t.shape, t.dtype, t.bytes) for t in catalog.tensors} == {
        key: (list(t.shape), str(t.dtype)[6:], t.numel() * t.itemsize) for key, t in truths.items()
    }
    assert catalog.containers[0].entries == {"by": "us"}
    assert catalog.notes == []


def test_item_sizes_are_torchs() -> None:
    dtypes = {name: value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    known = {str(value)[6:]: value.itemsize for value in dtypes.values()}
    assert known == ITEM_BYTES


def test_allowed_globals_are_torchs() -> None:
    allowed = set(_get_allowed_globals())
    assert {name for name in allowed if not is_allowed(name)} == set()
    refused = (
        "posix.system",
        "torch.load",
        "builtins.getattr",
        "torchXSize",
        "torch.sparse.BoolTensor",
        "__main__.Net",
    )
    assert not any(is_allowed(name) for name in refused)


def test_nested_containers_with_everything_in_them(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    args = argparse.Namespace(lr=0.1)
    content = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "args": args}
    torch.save(content, tmp_path / "c.ckpt")
    catalog = open_catalog(tmp_path / "c.ckpt")
    assert [(t.container, t.name) for t in catalog.tensors][:2] == [
        (["state_dict"], "weight"),
        (["state_dict"], "bias"),
    ]
    assert {tuple(t.container) for t in catalog.tensors[2:]} == {
        ("optimizer", "state", "0"),
        ("optimizer", "state", "1"),
    }
    top = catalog.containers[0]
    assert (top.type, top.entries) == ("dict", {"epoch": "3", "args": "argparse.Namespace object"})
    assert catalog.unsafe_globals == ["argparse.Namespace"]


def test_a_pickled_model_lists_its_state_dict_without_its_class(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2)))
    torch.save(model, tmp_path / "m.pt")
    torch.save({"model": model, "epoch": 1}, tmp_path / "n.pt")
    torch.jit.script(model).save(str(tmp_path / "s.pt"))
    for name, form in (("m.pt", "torch-zip"), ("s.pt", "torchscript")):
        catalog = open_catalog(tmp_path / name)
        assert (catalog.format, catalog.root) == (form, "module")
        assert {(t.key, tuple(t.shape)) for t in catalog.tensors} == {
            (key, tuple(value.shape)) for key, value in model.state_dict().items()
        }
    assert {t.name for t in open_catalog(tmp_path / "n.pt").tensors} == set(model.state_dict())


def test_odd_tensors(tmp_path: Path) -> None:
    content = {
        "parameter": nn.Parameter(torch.ones(2, 3)),
        "meta": torch.ones(4, device="meta"),
        "sparse": torch.eye(3).to_sparse(),
        "conjugate": torch.ones(2, dtype=torch.complex64).conj(),
        "attributed": torch.ones(3),
    }
    content["attributed"].note = "hello"
    torch.save(content, tmp_path / "w.pt")
    found = {t.key: t for t in open_catalog(tmp_path / "w.pt").tensors}
    assert {key: found[key].shape for key in content} == {key: list(value.shape) for key, value in content.items()}
    assert (found["parameter"].requires_grad, found["meta"].device, found["meta"].storage) == (True, "meta", None)
    # Three 64-bit pairs of indices and three 32-bit values.
    assert (found["sparse"].layout, found["sparse"].bytes) == ("sparse_coo", 3 * 2 * 8 + 3 * 4)


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_files_are_merely_listed(tmp_path: Path, protocol: int, zipped: bool) -> None:
    proof = tmp_path / "ran"
    content = {"w": torch.ones(2), "x": Hostile(f"touch {proof}")}
    torch.save(content, tmp_path / "w.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    catalog = open_catalog(tmp_path / "w.pt")
    assert not proof.exists()
    assert "posix.system" in catalog.unsafe_globals
    assert catalog.containers[0].entries["x"] == "posix.system object"
    if protocol:
        assert [t.key for t in catalog.tensors] == ["w"]
    else:
        # Protocol 0 writes the reference to a storage as text, which torch cannot load either.
        assert [note.code for note in catalog.notes] == ["not-understood"]


def test_a_lfs_pointer_a_page_and_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    onnx = b"\x08\x0a\x12\x07pytorch"
    cases = [
        (b"", "is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 102530333\n",
            r"git-LFS pointer, not the file itself of 102,530,333 bytes: run `git lfs pull`",
        ),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"<HTML><head>", "a web page"),
        (onnx, "an ONNX model"),
        (b"hello, world", 'is a text file that begins "hello, world"'),
        (pickle.dumps({"a": 1}), "is a pickle, but not one that torch.save wrote"),
        (b"\x80\x02", "is not a checkpoint: it begins with 80 02"),
        (b"PK\x03\x04 and no more", "begins as a zip archive but its end is missing"),
        (struct.pack("<Q", 50) + b"{}", "is cut off: its safetensors header has 50 bytes"),
        (struct.pack("<Q", 5) + b"{oops", "safetensors header is not valid"),
        (b'{"weight_map": 3}', "not a valid index"),
    ]
    for content, sentence in cases:
        path.write_bytes(content)
        with pytest.raises(RequestError, match=sentence):
            open_catalog(path)


def test_places_that_are_not_files(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no file"):
        open_catalog(tmp_path / "none.pt")
    with pytest.raises(RequestError, match="is an empty folder"):
        open_catalog(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RequestError, match="not a regular file"):
        open_catalog(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"x")
    (tmp_path / "w.pt").chmod(0)
    with pytest.raises(RequestError, match="may not be read"):
        open_catalog(tmp_path / "w.pt")


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_file_cut_off_anywhere_is_refused_or_noted(tmp_path: Path, form: str) -> None:
    state = {"a.weight": torch.ones(20, 3), "b": torch.ones(7)}
    whole = tmp_path / "w"
    if form == "safetensors":
        save_file(state, whole)
    else:
        torch.save(state, whole, _use_new_zipfile_serialization=form == "zip")
    data = whole.read_bytes()
    for size in range(1, len(data) - 1, 37):
        (tmp_path / "cut").write_bytes(data[:size])
        try:
            catalog = open_catalog(tmp_path / "cut")
        except RequestError:
            continue
        assert form != "zip", size
        assert "out-of-storage" in {note.code for note in catalog.notes}, size


@given(st.binary(max_size=60), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_catalog_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, where: int
) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(2)}, buffer, _use_new_zipfile_serialization=False)
    data = bytearray(buffer.getvalue())
    at = len(data) * where // 6
    data[at : at + len(noise)] = noise
    path = tmp_path_factory.mktemp("noise") / "w.pt"
    path.write_bytes(bytes(data))
    refusal: RequestError | None = None
    try:
        open_catalog(path)
    except RequestError as error:
        refusal = error
    assert refusal is None or str(path) in str(refusal)


def test_shared_storages_are_counted_once(tmp_path: Path) -> None:
    base = torch.ones(10, 4)
    content = {"enc.weight": base, "dec.weight": base, "row": base[2:5], "other.bias": torch.ones(3)}
    torch.save(content, tmp_path / "w.pt")
    table = table_of(open_catalog(tmp_path / "w.pt"), "w.pt")
    assert (table.totals.parameters, table.totals.parameter_bytes) == (43, 172)
    assert [(row.path, row.parameters, row.own_parameters, row.subtree, row.parent) for row in table.rows] == [
        ("", 43, 12, 4, None),
        ("enc", 40, 40, 1, 0),
        ("dec", 40, 40, 1, 0),
        ("other", 3, 3, 1, 0),
    ]
    assert table.tensors[0].tied_to == ["dec.weight"]


def test_the_table_of_a_nested_checkpoint(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    content = {"state_dict": model.state_dict(), "epoch": 3}
    torch.save(content, tmp_path / "c.ckpt")
    table = table_of(open_catalog(tmp_path / "c.ckpt"), "c.ckpt")
    assert [(row.path, row.type) for row in table.rows] == [
        ("", "dict"),
        ("state_dict", "collections.OrderedDict"),
        ("state_dict.0", "prefix"),
        ("state_dict.1", "prefix"),
    ]
    assert table.model.framework == "file"
    assert table.load is None
    assert table.file is not None
    assert (table.file.format, table.file.container, table.file.tensors) == ("torch-zip", "state_dict", 7)
    assert table.totals.parameters == sum(p.numel() for p in model.parameters())
    assert table.totals.buffers == sum(b.numel() for b in model.buffers())
    checkpoint = torch.load(tmp_path / "c.ckpt", weights_only=True)
    for tensor in table.tensors:
        assert list(eval(tensor.expression, {"checkpoint": checkpoint}).shape) == tensor.shape
