"""Which checkpoint a folder is."""

import os
import re
from pathlib import Path

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.catalog import Catalog
from inspector.files.containment import Containment
from inspector.files.shards import catalog_of_shards
from inspector.files.torch_distributed import NAME as METADATA

MOST_LISTED = 10_000
USUAL = (
    "model.safetensors", "pytorch_model.bin", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
    "adapter_model.safetensors", "adapter_model.bin", "model.pt", "model.pth", "pytorch_model.pt", "weights.pt",
)  # fmt: skip
"""Names under which tools save the weights, beside the optimizer's state and the like."""
SUFFIXES = (
    ".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".params", ".pt2", ".gguf", ".npz", ".npy", ".tar", ".pkl",
)  # fmt: skip
_SHARD = r"(.+)-(\d{5})-of-(\d{5})(\.\w+)"


def checkpoint_in(folder: Path, allow_outside: bool = False) -> Path | Catalog:
    """The file to open for a folder, or the catalog of its shards where no file lists them.

    Raises RequestError that says what is there where it is no checkpoint, or several.
    """
    chosen = _choice(folder, _names(folder))
    return _sharded(folder, *chosen, Containment(folder, allow_outside)) if isinstance(chosen, tuple) else chosen


def is_changed_by(folder: Path, name: str) -> bool:
    """Whether a file of that name in a folder that is a checkpoint would become a part of it, or hide it."""
    names = _names(folder)
    try:
        return _choice(folder, names) != _choice(folder, sorted({*names, name}))
    except RequestError:
        return True


def _choice(folder: Path, names: list[str]) -> Path | tuple[str, list[str]]:
    """The file to open of those in a folder, or the shards, what they are shards of first."""
    if METADATA in names:
        return folder / METADATA
    indexes = [name for name in names if name.endswith(".index.json")]
    if indexes:
        safe = [name for name in indexes if name.endswith(".safetensors.index.json")]
        chosen = safe if len(safe) == 1 else indexes
        if len(chosen) > 1:
            raise RequestError(f"{folder} holds several checkpoints: {_shown(chosen)}; name one of these files")
        return folder / chosen[0]
    groups = _groups(names)
    if len(groups) == 1:
        return groups.popitem()
    if groups:
        raise RequestError(f"{folder} holds the shards of several checkpoints: {_shown(sorted(groups))}; name a file")
    usual = next((name for name in USUAL if name in names), None)
    weights = [name for name in names if name.lower().endswith(SUFFIXES) and name != "data.pkl"]
    if usual or len(weights) == 1:
        return folder / (usual or weights[0])
    raise RequestError(_no_checkpoint(folder, names, weights))


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry, _ in zip(entries, range(MOST_LISTED), strict=False))
    except OSError as error:
        raise RequestError(f"the folder {folder} cannot be read: {error.strerror}") from error


def _groups(names: list[str]) -> dict[str, list[str]]:
    """Files named as shards, by what they are shards of."""
    groups: dict[str, list[str]] = {}
    for name in names:
        found = re.fullmatch(_SHARD, name)
        if found and found[4].lower() in SUFFIXES:
            groups.setdefault(f"{found[1]}-*-of-{found[3]}{found[4]}", []).append(name)
    return groups


def _sharded(folder: Path, group: str, names: list[str], within: Containment) -> Catalog:
    count = int(group.rpartition("-of-")[2].partition(".")[0])
    first, last = group.split("*")
    # What the number of shards says is believed as far as there are some: a name alone can say 99,999.
    wanted = [f"{first}{number:05}{last}" for number in range(1, min(count, 10 * len(names) + 10) + 1)]
    found = catalog_of_shards(folder, "shards", "shards", dict.fromkeys([*names, *wanted]), within)
    seen: set[str] = set()
    twice = []
    for tensor in found.tensors:
        if tensor.key in seen:
            twice.append(tensor.key)
        seen.add(tensor.key)
    notes = [
        Note(code="no-index", message=f"no index says which shard holds what; all {len(names)} files {group} were read")
    ]
    notes += [Note(code="shard-key", message=f"{key} is in several shards") for key in twice]
    return replace(found, notes=[*notes, *found.notes])


def _no_checkpoint(folder: Path, names: list[str], weights: list[str]) -> str:
    if len(weights) > 1:
        return f"{folder} is a folder with several files of weights: {_shown(weights)}; name one of them"
    if "saved_model.pb" in names:
        return f"{folder} is a TensorFlow SavedModel, not a PyTorch checkpoint; convert it to ONNX, with tf2onnx"
    if any(name.endswith(".data-00000-of-00001") for name in names):
        return f"{folder} is a folder with a TensorFlow checkpoint, which is not read; save its variables to .npz"
    if any(name.endswith(".distcp") for name in names):
        return f"{folder} has pieces of a distributed checkpoint (.distcp) but not its .metadata: copy that file too"
    if "data.pkl" in names:
        return f"{folder} is an unpacked PyTorch archive; pack it again: zip -0 -r model.pt {folder.name}"
    if not names:
        return f"{folder} is an empty folder; name a file of weights"
    return f"{folder} is a folder without a checkpoint: it holds {_shown(names)}; name the file of weights"


def _shown(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
