"""Arrays of NumPy against NumPy's own reading."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.files import open_catalog

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"]


@given(st.lists(st.integers(0, 4), max_size=4), st.sampled_from(DTYPES), st.sampled_from("<>"), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_array_is_read_as_numpy_reads_it(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], dtype: str, order: str, fortran: bool
) -> None:
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(np.dtype(dtype).newbyteorder(order))
    np.save(path, np.asfortranarray(array) if fortran else array)
    catalog = open_catalog(path)
    (tensor,) = catalog.tensors
    loaded = np.load(path)
    assert (tensor.shape, tensor.dtype, tensor.bytes) == (list(loaded.shape), loaded.dtype.name, loaded.nbytes)
    if loaded.size:
        data = np.frombuffer(path.read_bytes()[tensor.start :], dtype=loaded.dtype)
        steps = [stride * loaded.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(data, tensor.shape, steps)
        assert np.array_equal(view, loaded)
        assert catalog.big_endian == (loaded.dtype.byteorder == ">")
    assert catalog.notes == []


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_lists_its_arrays(tmp_path: Path, save) -> None:
    arrays = {"a/weight": np.ones((3, 2), "f4"), "b": np.arange(5), "none": np.zeros((0, 2)), "one": np.float64(3)}
    save(tmp_path / "w.npz", **arrays)
    catalog = open_catalog(tmp_path / "w.npz")
    assert catalog.format == "numpy-archive"
    assert {t.key: (t.shape, t.dtype) for t in catalog.tensors} == {
        key: (list(np.shape(value)), value.dtype.name) for key, value in arrays.items()
    }
    with zipfile.ZipFile(tmp_path / "w.npz") as archive:
        for tensor in catalog.tensors:
            raw = archive.read(tensor.record or "")[tensor.start :]
            assert np.array_equal(np.frombuffer(raw, tensor.dtype).reshape(tensor.shape), arrays[tensor.key])


def test_what_holds_no_numbers_is_shown_and_not_read(tmp_path: Path) -> None:
    structured = np.zeros(3, dtype=[("x", "f4"), ("y", "i8")])
    np.savez(tmp_path / "w.npz", o=np.array([{}, []], dtype=object), s=structured, t=np.array(["a"]), w=np.ones(2))
    catalog = open_catalog(tmp_path / "w.npz")
    assert [t.key for t in catalog.tensors] == ["w"]
    assert catalog.containers[0].entries == {
        "o": "an array of Python objects, 2; not read",
        "s": "an array of structures, 3; not read",
        "t": "an array of texts, 1; not read",
    }
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert open_catalog(tmp_path / "o.npy").tensors == []


def test_arrays_that_are_cut_off(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(100))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:200])
    assert [note.code for note in open_catalog(tmp_path / "a.npy").notes] == ["out-of-storage"]
    (tmp_path / "a.npy").write_bytes(data[:60])
    with pytest.raises(RequestError, match="a NumPy array whose header is damaged"):
        open_catalog(tmp_path / "a.npy")
