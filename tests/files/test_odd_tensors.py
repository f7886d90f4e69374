"""Every kind of tensor that torch saves, against what torch loads."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from inspector.files import open_catalog
from inspector.files.dtypes import STORAGE_DTYPES
from inspector.files.values.reading import read_tensor

pytestmark = pytest.mark.filterwarnings("ignore")
DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)


def plain(dtype: torch.dtype) -> torch.Tensor | None:
    """A tensor of that dtype; None where torch cannot make or save one."""
    try:
        tensor = torch.zeros(6 * dtype.itemsize, dtype=torch.uint8).view(dtype).reshape(2, 3).t()
        torch.save(tensor, io.BytesIO())
    except (RuntimeError, TypeError, KeyError):
        return None
    return tensor


@pytest.mark.parametrize("zipped", [True, False])
def test_every_dtype(tmp_path: Path, zipped: bool) -> None:
    state = {str(dtype)[6:]: tensor for dtype in DTYPES if (tensor := plain(dtype)) is not None}
    assert len(state) > 20
    if not zipped:
        state = {name: tensor for name, tensor in state.items() if name in STORAGE_DTYPES.values()}
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    catalog = open_catalog(tmp_path / "w.pt")
    assert [(t.key, t.dtype, t.shape, t.strides, t.bytes) for t in catalog.tensors] == [
        (name, name, [3, 2], [1, 3], 6 * tensor.itemsize) for name, tensor in state.items()
    ]
    assert catalog.notes == []


def forms(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Tensors of that dtype in every shape and layout of memory, all of one storage; none where torch has no values."""
    numbers = torch.arange(1, 25)
    try:
        base = (numbers % 2).bool() if dtype == torch.bool else numbers.to(dtype)
        torch.save(base, io.BytesIO())
    except (RuntimeError, TypeError, NotImplementedError, KeyError):
        return {}
    made = {
        "base": base.reshape(4, 6), "transposed": base.reshape(4, 6).t(), "view": base.reshape(4, 6)[1:, ::2],
        "expanded": base[:3].expand(5, 3), "scalar": base[7], "empty": base[:0].reshape(0, 4),
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1), "narrowed": base[5:9], "apart": base[:4].clone(),
        "overlapping": base.as_strided((3, 4), (1, 2), 2),
    }  # fmt: skip
    return {f"{dtype} {name}": tensor for name, tensor in made.items()}


class Subclass(torch.Tensor):
    """A user's own."""


def others() -> dict[str, torch.Tensor]:
    base, numbers = torch.arange(24.0).reshape(4, 6), torch.randn(4, 6, dtype=torch.complex64)
    attributed = base.clone()
    attributed.note = "hello"
    return {
        "per tensor": torch.quantize_per_tensor(base, 0.1, 3, torch.quint8),
        "per tensor 32": torch.quantize_per_tensor(base, 0.1, 0, torch.qint32),
        "per channel": torch.quantize_per_channel(base, torch.ones(4), torch.zeros(4), 0, torch.qint8),
        "per channel 1": torch.quantize_per_channel(base, torch.ones(6), torch.zeros(6), 1, torch.quint8),
        "coo": base.to_sparse(), "hybrid": base.reshape(2, 3, 4).to_sparse(2), "csr": base.to_sparse_csr(),
        "csc": base.to_sparse_csc(), "bsr": base.to_sparse_bsr((2, 2)), "bsc": base.to_sparse_bsc((2, 3)),
        "uncoalesced": torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (3,)), "sparse half": base.half().to_sparse(),
        "conjugate": numbers.conj(), "negative": numbers.clone().conj().imag, "real": numbers.clone().real,
        "both": numbers.clone().conj()[1:].t()._neg_view(),
        "parameter": nn.Parameter(base.clone()), "frozen": nn.Parameter(base.clone(), requires_grad=False),
        "buffer": nn.Buffer(base.clone()), "with gradient": torch.ones(2, requires_grad=True),
        "subclass": base.clone().as_subclass(Subclass),
        "parameter of it": nn.Parameter(base.clone().as_subclass(Subclass)),
        "meta": torch.ones(3, 4, device="meta").t(), "parameter on meta": nn.Parameter(torch.ones(3, device="meta")),
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "another dtype": base.clone().view(torch.int32), "nothing": torch.zeros(0), "no rows": torch.zeros(3, 0, 2),
        "attributed": attributed,
    }  # fmt: skip


def sharing(storages: dict[str, object]) -> set[frozenset[str]]:
    groups: dict[object, set[str]] = {}
    for key, storage in storages.items():
        groups.setdefault(storage, set()).add(key)
    return {frozenset(group) for group in groups.values()}


def values_of(tensor: torch.Tensor) -> np.ndarray:
    """As `read_tensor` gives them: quantised ones as the integers stored, narrow floats widened."""
    plain = tensor.detach()
    plain = (plain.int_repr() if plain.is_quantized else plain).resolve_conj().resolve_neg()
    if plain.is_floating_point() or plain.is_complex():
        plain = plain.to(torch.complex128 if plain.is_complex() else torch.float64)
    return plain.numpy()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("zipped", [True, False])
def test_everything_is_as_torch_loads_it(tmp_path: Path, zipped: bool, protocol: int) -> None:
    state = {name: tensor for dtype in DTYPES for name, tensor in forms(dtype).items()} | others()
    if not zipped:
        # The others lack a storage type of their own, which files of that time need.
        saved = STORAGE_DTYPES.values()
        state = {name: tensor for name, tensor in state.items() if str(tensor.dtype)[6:] in saved}
    assert len(state) > 140
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    loaded = torch.load(tmp_path / "w.pt", weights_only=False)
    catalog = open_catalog(tmp_path / "w.pt")
    found = {tensor.key: tensor for tensor in catalog.tensors}
    assert catalog.notes == []
    assert found.keys() == loaded.keys()
    memory = {}
    for key, tensor in loaded.items():
        told = found[key]
        assert told.shape == list(tensor.shape), key
        assert told.elements == tensor.numel(), key
        assert (told.dtype, told.layout) == (str(tensor.dtype)[6:], str(tensor.layout)[6:]), key
        assert (told.device, told.requires_grad) == (str(tensor.device), tensor.requires_grad), key
        if tensor.layout != torch.strided:
            continue
        assert (told.strides, told.storage_offset) == (list(tensor.stride()), tensor.storage_offset()), key
        if tensor.is_meta:
            continue
        if tensor.untyped_storage().nbytes():
            memory[key] = tensor.untyped_storage().data_ptr()
        read = read_tensor(catalog, told)
        wanted = values_of(tensor)
        np.testing.assert_array_equal(read.astype(wanted.dtype), wanted, err_msg=key)
    assert sharing(memory) == sharing({key: found[key].storage for key in memory})


def test_what_is_no_one_tensor_is_named(tmp_path: Path) -> None:
    rows = [torch.ones(2, 3), torch.ones(4, 3)]
    content = {
        "nested": torch.nested.nested_tensor(rows),
        "jagged": torch.nested.nested_tensor(rows, layout=torch.jagged),
        "lazy": nn.LazyLinear(3).weight,
        "w": torch.ones(2),
    }
    torch.save(content, tmp_path / "w.pt")
    catalog = open_catalog(tmp_path / "w.pt")
    assert [tensor.key for tensor in catalog.tensors] == ["w"]
    assert [note.message.split(" is a tensor stored in a way that is not understood")[0] for note in catalog.notes] == [
        "nested", "jagged", "lazy",
    ]  # fmt: skip


def test_a_sparse_tensor_takes_the_bytes_that_are_stored(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6).to_sparse()
    torch.save({"coo": base}, tmp_path / "w.pt")
    (tensor,) = open_catalog(tmp_path / "w.pt").tensors
    assert tensor.bytes == base.indices().nbytes + base.values().nbytes
