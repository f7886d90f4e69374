"""Files that packages ship, and the sample models' own: as NumPy and torch read them, or refused with a reason."""

import sysconfig
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from inspector.core.errors import RequestError
from inspector.files import open_catalog
from inspector.files.values.reading import read_tensor

PACKAGES = Path(sysconfig.get_path("purelib"))
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
ARRAYS = sorted({*PACKAGES.rglob("*.npy"), *PACKAGES.rglob("*.npz")})
OTHERS = sorted(path for suffix in ("pt", "pkl", "pickle", "safetensors") for path in PACKAGES.rglob(f"*.{suffix}"))
WEIGHTS = sorted(path for suffix in ("params", "pt", "pth", "safetensors") for path in SAMPLES.rglob(f"*.{suffix}"))


def readable(path: Path) -> dict[str, np.ndarray] | None:
    """The numbers that NumPy reads without running a pickle; None where it reads nothing so."""
    with warnings.catch_warnings(action="ignore"):
        try:
            read = np.load(path, allow_pickle=False)
            arrays = {"": read} if isinstance(read, np.ndarray) else {key: read[key] for key in read.files}
        except ValueError:
            return None
    return {key: array for key, array in arrays.items() if array.dtype.kind in "biufc"}


def test_there_are_such_files() -> None:
    assert len(ARRAYS) >= 5
    assert WEIGHTS


@pytest.mark.parametrize("path", ARRAYS, ids=lambda path: path.name)
def test_arrays_are_as_numpy_reads_them(path: Path) -> None:
    expected = readable(path)
    catalog = open_catalog(path)
    found = {tensor.name: tensor for tensor in catalog.tensors}
    assert found.keys() == (expected or {}).keys()
    for key, array in (expected or {}).items():
        assert (found[key].shape, found[key].elements) == (list(array.shape), array.size), key
        np.testing.assert_array_equal(read_tensor(catalog, found[key]), array, err_msg=key)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_other_files_are_listed_or_refused_in_a_sentence(path: Path) -> None:
    try:
        text = open_catalog(path).path
    except RequestError as refusal:
        text = str(refusal)
    assert str(path) in text


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.name)
def test_weights_are_as_torch_loads_them(path: Path) -> None:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        loaded = load_file(path)
    else:
        loaded = torch.load(path, weights_only=True)
    catalog = open_catalog(path)
    found = {tensor.key: tensor for tensor in catalog.tensors}
    assert found.keys() == loaded.keys()
    for key, tensor in loaded.items():
        told = found[key]
        assert (told.shape, told.strides, told.dtype) == (
            list(tensor.shape), list(tensor.stride()), str(tensor.dtype)[6:],
        )  # fmt: skip
        np.testing.assert_array_equal(read_tensor(catalog, told), tensor.numpy(), err_msg=key)
