"""Indexes of shards and folders."""

import json
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inspector.core.errors import RequestError
from inspector.files import open_catalog

STATE = {"a.weight": torch.ones(2, 3), "a.bias": torch.ones(3), "b.weight": torch.ones(4)}


def save(path: Path, state: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)


def index(folder: Path, ending: str, names: tuple[str, str]) -> Path:
    stem = "model.safetensors" if ending == "safetensors" else "pytorch_model.bin"
    weight_map = dict(zip(STATE, (names[0], names[0], names[1]), strict=True))
    (folder / f"{stem}.index.json").write_text(json.dumps({"metadata": {"total_size": 52}, "weight_map": weight_map}))
    return folder / f"{stem}.index.json"


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("below", ["", "part/"])
def test_an_index_and_its_folder_are_one_catalog(tmp_path: Path, ending: str, below: str) -> None:
    names = (f"{below}w-00001-of-00002.{ending}", f"{below}w-00002-of-00002.{ending}")
    for name, keys in zip(names, (["a.weight", "a.bias"], ["b.weight"]), strict=True):
        save(tmp_path / name, {key: STATE[key] for key in keys})
    path = index(tmp_path, ending, names)
    catalog = open_catalog(path)
    assert {t.key: t.shape for t in catalog.tensors} == {key: list(t.shape) for key, t in STATE.items()}
    assert (catalog.notes, catalog.shards) == ([], list(names))
    assert open_catalog(tmp_path) == catalog


def test_shards_without_an_index_are_one_catalog(tmp_path: Path) -> None:
    save(tmp_path / "m-00001-of-00003.safetensors", {"a": torch.ones(2)})
    save(tmp_path / "m-00003-of-00003.safetensors", {"b": torch.ones(2), "a": torch.ones(2)})
    catalog = open_catalog(tmp_path)
    assert (catalog.format, [t.key for t in catalog.tensors]) == ("shards", ["a", "a", "b"])
    assert [note.code for note in catalog.notes] == ["no-index", "shard-key", "shard-missing"]
    assert "m-00002-of-00003" in catalog.notes[-1].message


def test_no_path_leaves_the_folder_unasked(tmp_path: Path) -> None:
    save(tmp_path / "secret.safetensors", {"a.weight": torch.ones(2, 3)})
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.safetensors").symlink_to(tmp_path / "secret.safetensors")
    secret = "secret.safetensors"
    outside = [f"../{secret}", str(tmp_path / secret), "link.safetensors", f"x/../../{secret}"]
    (folder / "x").mkdir()
    for name in outside:
        path = index(folder, "safetensors", (name, name))
        catalog = open_catalog(path)
        assert catalog.tensors == []
        assert "shard-outside" in {note.code for note in catalog.notes}, name
        assert [t.key for t in open_catalog(path, allow_outside=True).tensors] == ["a.weight"], name


def test_the_hugging_face_cache_is_links_into_one_repository(tmp_path: Path) -> None:
    save(tmp_path / "blobs" / "0123.safetensors", STATE)
    snapshot = tmp_path / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "w.safetensors").symlink_to("../../blobs/0123.safetensors")
    assert open_catalog(index(snapshot, "safetensors", ("w.safetensors", "w.safetensors"))).notes == []


def test_a_damaged_shard_leaves_the_others(tmp_path: Path) -> None:
    save(tmp_path / "one.safetensors", {key: STATE[key] for key in ("a.weight", "a.bias")})
    (tmp_path / "two.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    catalog = open_catalog(index(tmp_path, "safetensors", ("one.safetensors", "two.safetensors")))
    assert {t.key for t in catalog.tensors} == {"a.weight", "a.bias"}
    assert [note.code for note in catalog.notes] == ["shard-unreadable", "shard-key"]


def test_a_shard_that_only_stands_in_for_a_file_is_told_as_what_it_is(tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 4976698672\n"
    (tmp_path / "a.safetensors").write_text(pointer)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"w": "a.safetensors"}}')
    first, *_ = open_catalog(str(tmp_path / "model.safetensors.index.json")).notes
    assert first.message.startswith("the shard a.safetensors cannot be read: it is a git-LFS pointer")
    assert "4,976,698,672 bytes" in first.message


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "is an empty folder"),
        (["a.txt", "b.txt"], r"a folder without a checkpoint: it holds a\.txt, b\.txt; name"),
        (["a.pt", "b.pt"], r"several files of weights: a\.pt, b\.pt; name one"),
        (["saved_model.pb"], "a TensorFlow SavedModel"),
        (["m.ckpt.data-00000-of-00001", "m.ckpt.index"], "a TensorFlow checkpoint"),
        (["__0_0.distcp"], r"not its \.metadata"),
        (["a.index.json", "b.index.json"], "several checkpoints"),
        (["data.pkl", "version"], "an unpacked PyTorch archive"),
        (["a-00001-of-00002.pt", "b-00001-of-00002.pt"], "the shards of several checkpoints"),
    ],
)
def test_folders_of_something_else_are_told(tmp_path: Path, names: list[str], sentence: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(RequestError, match=sentence):
        open_catalog(tmp_path)


def test_a_folder_with_one_file_of_weights_is_that_file(tmp_path: Path) -> None:
    save(tmp_path / "net.pth", STATE)
    (tmp_path / "readme.md").touch()
    assert open_catalog(tmp_path).path == str(tmp_path / "net.pth")
    save(tmp_path / "model.safetensors", STATE)
    assert open_catalog(tmp_path).path == str(tmp_path / "model.safetensors")


@pytest.mark.slow
def test_a_hundred_thousand_tensors_in_a_hundred_shards_take_no_square_of_their_number(tmp_path: Path) -> None:
    weight_map = {}
    for shard in range(100):
        name = f"model-{shard + 1:05}-of-00100.safetensors"
        entries = {}
        for place in range(1000):
            key = f"model.layers.{(shard * 1000 + place) // 10}.part{place % 10}.weight"
            entries[key] = {"dtype": "F32", "shape": [4, 4], "data_offsets": [64 * place, 64 * place + 64]}
            weight_map[key] = name
        header = json.dumps(entries).encode()
        (tmp_path / name).write_bytes(struct.pack("<Q", len(header)) + header)
        os.truncate(tmp_path / name, 8 + len(header) + 64_000)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    code = (
        "import sys; from inspector.files import open_catalog; found = open_catalog(sys.argv[1])\n"
        "assert len(found.tensors) == 100_000 and not found.notes and 'torch' not in sys.modules"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of the processor; linear it takes one second, and the square of the number of tensors hours.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 30
