"""Values of the formats that torch.load does not read as a state_dict: equal to what their own readers give."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from inspector.engine.arrays import array_of, tensor_of
from inspector.files import open_catalog
from inspector.files.values.reading import read_tensor

STATE = {
    "net.weight": torch.randn(6, 4),
    "net.bias": torch.randn(6).bfloat16(),
    "net.steps": torch.arange(5),
    "net.scale": torch.tensor(2.5),
}


def assert_read(path: Path, expected: dict[str, torch.Tensor]) -> None:
    catalog = open_catalog(path)
    read = {tensor.name: read_tensor(catalog, tensor) for tensor in catalog.tensors}
    assert read.keys() >= expected.keys()
    for key, value in expected.items():
        assert tensor_of(read[key]).equal(value), key


def test_a_distributed_checkpoint(tmp_path: Path) -> None:
    dcp.save(dict(STATE), checkpoint_id=tmp_path / "dcp", no_dist=True)
    assert_read(tmp_path / "dcp", STATE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numpy_archives(tmp_path: Path, save: object) -> None:
    arrays = {
        "a": np.arange(12.0).reshape(3, 4),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(3.0),
    }
    save(tmp_path / "x.npz", **arrays)  # type: ignore[operator]
    assert_read(tmp_path / "x.npz", {key: torch.tensor(value) for key, value in arrays.items()})


def test_a_numpy_array_that_is_big_endian(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(5.0).astype(">f8"))
    catalog = open_catalog(tmp_path / "x.npy")
    np.testing.assert_array_equal(read_tensor(catalog, catalog.tensors[0]), np.arange(5.0))


def test_an_exported_program(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    torch.export.save(torch.export.export(model.eval(), (torch.randn(2, 4),)), tmp_path / "x.pt2")
    assert_read(tmp_path / "x.pt2", dict(model.state_dict()))


def test_a_pickled_model_is_read_without_running_it(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    torch.save(model, tmp_path / "x.pt")
    assert_read(tmp_path / "x.pt", dict(model.state_dict()))


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e5m2, torch.int8, torch.bool, torch.complex64]
)
def test_arrays_and_tensors_are_the_same_both_ways(dtype: torch.dtype) -> None:
    tensor = (torch.rand(3, 4) * 5).to(dtype).t()
    array = array_of(tensor)
    assert array is not None
    back = tensor_of(array)
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert back.view(torch.uint8).equal(tensor.contiguous().view(torch.uint8))
