"""Files written tensor by tensor are those that torch and safetensors read, and archives that zip tools accept."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from inspector.core.errors import RequestError
from inspector.engine.arrays import array_of
from inspector.engine.pytorch.streamed_saving import write_torch
from inspector.files.values import writing
from inspector.files.values.writing import Outgoing, write_safetensors

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.int8,
    torch.uint8, torch.bool, torch.complex64,
]  # fmt: skip


def tensors() -> dict[str, torch.Tensor]:
    made = {f"of.{dtype}": (torch.rand(3, 5) * 9).to(dtype) for dtype in DTYPES}
    return {**made, "turned": torch.rand(40, 30).t(), "empty": torch.empty(0, 4), "scalar": torch.tensor(3.5)}


def outgoing(of: dict[str, torch.Tensor]) -> list[Outgoing]:
    made = []
    for key, tensor in of.items():
        array = array_of(tensor)
        assert array is not None
        dtype = str(tensor.dtype).removeprefix("torch.")
        made.append(Outgoing(key, list(tensor.shape), dtype, lambda array=array: array))
    return made


def assert_same(read: dict[str, torch.Tensor], written: dict[str, torch.Tensor]) -> None:
    assert read.keys() == written.keys()
    for key, tensor in written.items():
        assert read[key].dtype == tensor.dtype
        assert read[key].shape == tensor.shape
        assert read[key].contiguous().flatten().view(torch.uint8).equal(tensor.contiguous().flatten().view(torch.uint8))


@pytest.mark.parametrize("piece", [writing.PIECE, 64])
def test_what_is_written_is_what_libraries_read(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PIECE", piece)
    given = tensors()
    write_safetensors(tmp_path / "x.safetensors", outgoing(given), {"made": "here"})
    assert_same(load_file(tmp_path / "x.safetensors"), given)
    write_torch(tmp_path / "x.pt", outgoing(given))
    read = torch.load(tmp_path / "x.pt", weights_only=True)
    assert list(read) == list(given)
    assert_same(read, given)
    assert_same(torch.load(tmp_path / "x.pt", weights_only=True, mmap=True), given)
    assert zipfile.ZipFile(tmp_path / "x.pt").testzip() is None


def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    one = Outgoing("z", [1], "complex128", lambda: np.zeros(1, np.complex128))
    with pytest.raises(RequestError, match="complex128"):
        write_safetensors(tmp_path / "x.safetensors", [one], {})
    assert not list(tmp_path.iterdir())


def test_values_of_another_shape_than_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="came out"):
        write_safetensors(tmp_path / "x.safetensors", [Outgoing("z", [2], "float32", lambda: np.zeros(3, "f4"))], {})
