"""Saving state_dicts: what torch and safetensors themselves read back is what was given."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn

from inspector.core.errors import RequestError
from inspector.engine.pytorch.saving import save_state_dict
from inspector.engine.pytorch.weights import load_weights
from inspector.files import open_catalog

SUFFIXES = [".pt", ".pth", ".params", ".bin", ".ckpt", ".safetensors"]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


def model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    loaded: dict[str, Tensor] = torch.load(path, weights_only=True)
    return loaded


def bits(tensor: Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist()) if tensor.numel() else b""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_reads_back_to_the_bit(tmp_path: Path, suffix: str) -> None:
    state = model().state_dict()
    state["0.weight"].view(-1)[:3] = torch.tensor([float("nan"), float("inf"), -0.0])
    path = tmp_path / f"w{suffix}"
    report = save_state_dict(state, str(path), overwrite=False)
    back = read(path)
    assert list(back) == list(state) or set(back) == set(state)
    assert all(bits(back[key]) == bits(value) for key, value in state.items())
    assert (report.tensors, report.bytes) == (9, path.stat().st_size)
    assert os.listdir(tmp_path) == [f"w{suffix}"]


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda key: key != "__metadata__" and key.isprintable()),
        st.tuples(st.lists(st.integers(0, 4), max_size=3), st.sampled_from(DTYPES), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([".pt", ".safetensors"]),
)
@settings(max_examples=40, deadline=None)
def test_any_state_reads_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, declared, suffix: str) -> None:
    state = {}
    for key, (shape, dtype, transposed) in declared.items():
        tensor = torch.randint(0, 2, shape, dtype=torch.int64).to(dtype)
        state[key] = tensor.mT if transposed and tensor.ndim > 1 else tensor
    path = tmp_path_factory.mktemp("any") / f"w{suffix}"
    save_state_dict(state, str(path), overwrite=False)
    back = read(path)
    assert back.keys() == state.keys()
    for key, value in state.items():
        assert (back[key].shape, back[key].dtype) == (value.shape, value.dtype)
        assert bits(back[key]) == bits(value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_saved_then_loaded_gives_the_same_output(tmp_path: Path, suffix: str) -> None:
    trained, other = (
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)),
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)),
    )
    trained(torch.randn(8, 4))
    save_state_dict(trained.state_dict(), str(tmp_path / f"w{suffix}"), overwrite=False)
    load = load_weights(other, str(tmp_path / f"w{suffix}"))
    x = torch.randn(3, 4)
    assert torch.equal(trained.eval()(x), other.eval()(x))
    assert (load.coverage, load.rules) == (1.0, [])


def test_tied_tensors_stay_tied_in_torch_files_and_are_all_there_in_safetensors(tmp_path: Path) -> None:
    shared = torch.randn(6)
    state = {"a": shared, "b": shared, "c": shared[2:4]}
    save_state_dict(state, str(tmp_path / "w.pt"), overwrite=False)
    assert len({tensor.storage for tensor in open_catalog(tmp_path / "w.pt").tensors}) == 1
    save_state_dict(state, str(tmp_path / "w.safetensors"), overwrite=False)
    back = load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(back[key], value) for key, value in state.items())


def test_module_versions_are_kept(tmp_path: Path) -> None:
    state = model().state_dict()
    save_state_dict(state, str(tmp_path / "w.pt"), overwrite=False)
    assert torch.load(tmp_path / "w.pt", weights_only=True)._metadata == state._metadata


def test_an_existing_file_is_kept_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"precious")
    with pytest.raises(RequestError, match=r"w\.pt exists; allow it to be replaced"):
        save_state_dict(model().state_dict(), str(path), overwrite=False)
    assert path.read_bytes() == b"precious"
    path.chmod(0o640)
    save_state_dict(model().state_dict(), str(path), overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(read(path)) == 9


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        for suffix in (".pt", ".safetensors"):
            save_state_dict(model().state_dict(), str(tmp_path / f"w{suffix}"), overwrite=False)
            assert (tmp_path / f"w{suffix}").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.pt").write_bytes(b"old")
    (tmp_path / "link.pt").symlink_to(tmp_path / "real.pt")
    save_state_dict(model().state_dict(), str(tmp_path / "link.pt"), overwrite=True)
    assert (tmp_path / "link.pt").is_symlink()
    assert len(read(tmp_path / "real.pt")) == 9


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Writing beyond `limit` bytes fails as on a full disk (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"precious")
    with (
        file_size_limit(10_000),
        pytest.raises(RequestError, match=rf"w{suffix} could not be written: there is no room left"),
    ):
        save_state_dict({"w": torch.zeros(100_000)}, str(path), overwrite=True)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RequestError, match="is not writable; save elsewhere"):
            save_state_dict(model().state_dict(), str(tmp_path / "w.pt"), overwrite=False)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("w.txt", r"saved as \.safetensors, \.pt.*, not as \.txt"),
        ("w", "not as a file without a suffix"),
        ("none/w.pt", "the folder .*none does not exist"),
        ("folder.pt", "is a folder; name a file in it"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(RequestError, match=sentence):
        save_state_dict(model().state_dict(), str(tmp_path / name), overwrite=True)
    assert os.listdir(tmp_path) == ["folder.pt"]


@pytest.mark.parametrize(
    ("state", "suffix", "sentence"),
    [
        (nn.Linear(2, 2, device="meta").state_dict(), ".pt", "weight, bias have no values yet"),
        (nn.LazyLinear(2).state_dict(), ".safetensors", "weight, bias have no values yet"),
        ({"w": torch.eye(2).to_sparse()}, ".safetensors", "dense tensors only, which w is not; save as .pt"),
        ({"w": torch.ones(2), "_extra_state": object()}, ".pt", "_extra_state .* is neither a tensor nor plain data"),
    ],
)
def test_values_that_cannot_be_saved_are_named(tmp_path: Path, state, suffix: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        save_state_dict(state, str(tmp_path / f"w{suffix}"), overwrite=False)
    assert os.listdir(tmp_path) == []
