"""Every kind of tensor that torch saves, against what torch loads."""

import io
from pathlib import Path

import pytest
import torch

from inspector.files import open_catalog
from inspector.files.dtypes import STORAGE_DTYPES

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


def test_quantised_sparse_and_shared(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    content = {
        "per tensor": torch.quantize_per_tensor(base, 0.1, 3, torch.quint8),
        "per channel": torch.quantize_per_channel(base, torch.ones(4), torch.zeros(4), 0, torch.qint8),
        "coo": base.to_sparse(),
        "csr": base.to_sparse_csr(),
        "csc": base.to_sparse_csc(),
        "bsr": base.to_sparse_bsr((2, 2)),
        "view": base[1:, ::2],
        "expanded": torch.ones(1, 3).expand(5, 3),
        "base": base,
        "scalar": torch.tensor(3),
        "empty": torch.ones(0, 4),
        "conjugate": torch.ones(2, dtype=torch.complex64).conj(),
        "parameter": torch.nn.Parameter(base[0].clone()),
        "meta": torch.ones(3, 4, device="meta"),
    }
    torch.save(content, tmp_path / "w.pt")
    found = {t.key: t for t in open_catalog(tmp_path / "w.pt").tensors}
    loaded = torch.load(tmp_path / "w.pt", weights_only=False)
    assert found.keys() == loaded.keys()
    for key, tensor in loaded.items():
        told = found[key]
        assert (told.shape, told.dtype, told.layout) == (
            list(tensor.shape),
            str(tensor.dtype)[6:],
            str(tensor.layout)[6:],
        ), key
        if tensor.layout == torch.strided:
            assert (told.strides, told.storage_offset) == (list(tensor.stride()), tensor.storage_offset()), key
    assert found["view"].storage == found["base"].storage
    stored = base.to_sparse()
    assert found["coo"].bytes == stored.indices().nbytes + stored.values().nbytes
