"""The Python that is proposed runs as it is, for every format, and makes what the mended file holds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint import FileSystemWriter, save

from inspector.core.repair import RepairSettings
from inspector.engine.pytorch.repairing import repair

State = dict[str, Tensor]


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def halves(state: State) -> list[State]:
    return [{k: v for k, v in state.items() if k.startswith(("0", "module.0")) == first} for first in (True, False)]


def as_npz(state: State, folder: Path) -> Path:
    np.savez(folder / "w.npz", **{key: value.numpy() for key, value in state.items()})
    return folder / "w.npz"


def as_distributed(state: State, folder: Path) -> Path:
    save({"model": state, "step": 3}, storage_writer=FileSystemWriter(folder / "dcp"), no_dist=True)
    return folder / "dcp"


def as_metadata(state: State, folder: Path) -> Path:
    return as_distributed(state, folder) / ".metadata"


def as_flat_distributed(state: State, folder: Path) -> Path:
    save(dict(state), storage_writer=FileSystemWriter(folder / "dcp"), no_dist=True)
    return folder / "dcp"


def as_shards(state: State, folder: Path, suffix: str = "safetensors") -> Path:
    for number, part in enumerate(halves(state), 1):
        place = folder / f"model-{number:05}-of-00002.{suffix}"
        save_file(part, place) if suffix == "safetensors" else torch.save(part, place)
    return folder


def as_index(state: State, folder: Path, suffix: str = "safetensors") -> Path:
    as_shards(state, folder, suffix)
    names = {key: f"model-{n:05}-of-00002.{suffix}" for n, part in enumerate(halves(state), 1) for key in part}
    (folder / f"model.{suffix}.index.json").write_text(json.dumps({"weight_map": names}))
    return folder / f"model.{suffix}.index.json"


def as_folder(state: State, folder: Path) -> Path:
    save_file(state, folder / "model.safetensors")
    return folder


def as_nested(state: State, folder: Path) -> Path:
    """A mapping for each module of the model, as frameworks other than torch keep them."""
    nested: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        number, _, name = key.removeprefix("module.").partition(".")
        nested.setdefault(number, {})[name] = value
    torch.save({"model": nested}, folder / "nested.pt")
    return folder / "nested.pt"


def as_list(state: State, folder: Path) -> Path:
    torch.save({"models": [{"lr": 1}, state]}, folder / "list.pt")
    return folder / "list.pt"


FORMATS: dict[str, Callable[[State, Path], Path]] = {
    "npz": as_npz,
    "distributed": as_distributed,
    "its metadata": as_metadata,
    "distributed without containers": as_flat_distributed,
    "shards": as_shards,
    "shards of torch": lambda state, folder: as_shards(state, folder, "bin"),
    "index": as_index,
    "index of torch": lambda state, folder: as_index(state, folder, "bin"),
    "folder of an index": lambda state, folder: as_index(state, folder).parent,
    "folder of a file": as_folder,
    "in a list": as_list,
    "nested": as_nested,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_snippet_makes_what_the_mended_file_holds(tmp_path: Path, name: str, prefix: str) -> None:
    state = net().state_dict()
    folder = tmp_path / "source"
    folder.mkdir()
    path = FORMATS[name]({f"{prefix}{key}": value for key, value in state.items()}, folder)
    out = tmp_path / "mended.safetensors"
    report = repair(net(), RepairSettings(weights=str(path), output=str(out)), lambda done, total, text: None)
    assert report.loads, report.verdict
    names: dict[str, State] = {}
    exec(report.snippet, names)
    net().load_state_dict(names["state"], strict=True)
    mended = load_file(out)
    assert mended.keys() == names["state"].keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(names["state"][key], value)
        assert torch.equal(mended[key], value)


def test_half_precision_is_kept_by_both_and_that_is_said(tmp_path: Path) -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in net().state_dict().items()}
    torch.save(state, tmp_path / "half.pt")
    out = tmp_path / "mended.safetensors"
    settings = RepairSettings(weights=str(tmp_path / "half.pt"), output=str(out))
    report = repair(net(), settings, lambda done, total, text: None)
    names: dict[str, State] = {}
    exec(report.snippet, names)
    mended, model = load_file(out), net()
    model.load_state_dict(mended, strict=True)
    for key, value in state.items():
        assert mended[key].dtype == names["state"][key].dtype == value.dtype
        assert torch.equal(model.state_dict()[key], value.to(model.state_dict()[key].dtype))
    assert "kept as float16, as in the file; load_state_dict casts them to float32" in " ".join(report.notes)
