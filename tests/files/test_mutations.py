"""Small files of every format with bytes changed, cut and inserted: a catalog or a sentence, never another error."""

import io
import json
import time
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from test_gguf import written
from test_torch_tar import write_tar
from torch import nn

from inspector.core.errors import RequestError
from inspector.files import open_catalog, table_of

pytestmark = pytest.mark.slow

SECONDS = 5


def seeds(folder: Path) -> dict[str, bytes]:
    """One small file of each format, by the name it is opened under."""
    state = OrderedDict(w=torch.ones(2, 3), t=torch.ones(3, 2).t(), s=torch.eye(2).to_sparse())
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    torch.save(state, folder / "zip.pt")
    torch.save(state, folder / "four.pt", pickle_protocol=4)
    torch.save({"w": torch.ones(2)}, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(model, folder / "module.pt")
    tensors = {"w": torch.ones(2, 3)}
    write_tar(folder / "tar.pt", tensors, list(tensors.values()), [])
    (folder / "w.safetensors").write_bytes(save({"w": torch.ones(2, 3)}, {"by": "us"}))
    np.save(folder / "w.npy", np.ones((2, 3)))
    np.savez(folder / "w.npz", a=np.ones(2), b=np.ones(3))
    (folder / "w.gguf").write_bytes(written("<", 3, {"a": "b", "c": ["d", "e"]}, [("w", [2, 32], 2, 0)]) + bytes(64))
    (folder / "m.index.json").write_text(json.dumps({"weight_map": {"w": "w.safetensors"}}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save({"m": {"w": torch.ones(2)}, "epoch": 1}, checkpoint_id=folder / "dcp", no_dist=True)
        torch.jit.script(model).save(str(folder / "script.pt"))
        torch.export.save(torch.export.export(nn.Linear(2, 3), (torch.ones(1, 2),)), folder / "export.pt2")
    (folder / ".metadata").write_bytes((folder / "dcp" / ".metadata").read_bytes())
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("mutations")
    return folder, seeds(folder)


NAMES = [
    "zip.pt", "four.pt", "legacy.pt", "module.pt", "tar.pt", "w.safetensors", "w.npy", "w.npz", "w.gguf",
    "m.index.json", ".metadata", "script.pt", "export.pt2",
]  # fmt: skip
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "repeat"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, changes: list[tuple[str, float, bytes]], hot: list[int]) -> bytes:
    result = bytearray(data)
    for kind, where, what in changes:
        # Most bytes of a file are padding or values: half of the changes go where the structure is.
        at = hot[int(where * (len(hot) - 1))] if where < 0.9 and hot else int(where * len(result))
        at = min(at, len(result))
        if kind == "set":
            result[at : at + len(what)] = what
        elif kind == "insert":
            result[at:at] = what
        elif kind == "delete":
            del result[at : at + len(what)]
        elif kind == "cut":
            del result[at:]
        else:
            result[at:at] = result[at : at + 40]
    return bytes(result)


def structural(data: bytes) -> list[int]:
    """The places that are not zero."""
    return [place for place, byte in enumerate(data) if byte]


def attempt(folder: Path, name: str, data: bytes) -> None:
    path = folder / "changed" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    started = time.process_time()
    refusal: RequestError | None = None
    try:
        catalog = open_catalog(path)
        msgspec.json.encode(catalog)
        msgspec.json.encode(table_of(catalog, name))
    except RequestError as error:
        refusal = error
    assert time.process_time() - started < SECONDS
    assert refusal is None or "\n" not in str(refusal)


def repack(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """Change the largest description within an archive and pack it again, so that its sums are right."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as packed:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(("data.pkl", "_config.json", ".npy")):
                content = mutated(content, changes, structural(content))
            packed.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_listed_or_refused(originals: tuple[Path, dict[str, bytes]], name: str) -> None:
    _fuzz(originals, name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_changed_files_are_listed_or_refused(originals: tuple[Path, dict[str, bytes]], name: str) -> None:
    _fuzz(originals, name, 800)


def _fuzz(originals: tuple[Path, dict[str, bytes]], name: str, examples: int) -> None:
    folder, files = originals
    data = files[name]
    hot = structural(data)

    @given(CHANGES, st.booleans())
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def each(changes: list[tuple[str, float, bytes]], inside: bool) -> None:
        if inside and data.startswith(b"PK"):
            attempt(folder, name, repack(data, changes))
        else:
            attempt(folder, name, mutated(data, changes, hot))

    each()


def test_the_seeds_are_what_they_are_meant_to_be(originals: tuple[Path, dict[str, bytes]]) -> None:
    folder, files = originals
    assert set(NAMES) == set(files)
    formats = {name: open_catalog(folder / name).format for name in NAMES}
    assert formats == {
        "zip.pt": "torch-zip", "four.pt": "torch-zip", "legacy.pt": "torch-legacy", "module.pt": "torch-zip",
        "tar.pt": "torch-tar", "w.safetensors": "safetensors", "w.npy": "numpy", "w.npz": "numpy-archive",
        "w.gguf": "gguf",
        "m.index.json": "safetensors-index", ".metadata": "torch-distributed", "script.pt": "torchscript",
        "export.pt2": "torch-export",
    }  # fmt: skip
