"""Files of ``torch.save`` since 1.6: a zip archive with a pickle and one record a storage; TorchScript archives too."""

import zipfile
from pathlib import Path

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.allowed_globals import is_allowed
from inspector.files.catalog import Catalog
from inspector.files.inert_pickle import MAX_BYTES, BrokenPickleError, read_pickle
from inspector.files.torch_objects import Contents, read_contents

_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins as a zip archive."""
    return head.startswith(_SIGNATURES)


def open(path: Path) -> Catalog:
    """Read the catalog of a torch zip file; raises RequestError where it is cut off or not torch's."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            records = {info.filename: info for info in archive.infolist()}
            pickles = [name for name in records if name == "data.pkl" or name.endswith("/data.pkl")]
            if not pickles:
                raise RequestError(_no_pickle(path, list(records)))
            prefix = min(pickles, key=len).removesuffix("data.pkl")
            if records[f"{prefix}data.pkl"].file_size > MAX_BYTES:
                raise RequestError(
                    f"{path}: its pickle is larger than {MAX_BYTES // 2**20} MiB; this is not a checkpoint"
                )
            with archive.open(f"{prefix}data.pkl") as stream:
                data = stream.read(MAX_BYTES + 1)
            big_endian = f"{prefix}byteorder" in records and archive.read(f"{prefix}byteorder") == b"big"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise RequestError(
            f"{path} begins as a zip archive but its end is missing or damaged ({size:,} bytes are here; {error}): "
            "the download or copy was cut off; fetch the file again"
        ) from error
    try:
        pickled = read_pickle(data)
        contents = read_contents(pickled.value)
    except BrokenPickleError as error:
        raise RequestError(
            f"{path}: the pickle in it cannot be read ({error}); the file is damaged, fetch it again"
        ) from error
    script = f"{prefix}constants.pkl" in records
    sizes = {
        name.removeprefix(f"{prefix}data/"): info.file_size
        for name, info in records.items()
        if name.startswith(f"{prefix}data/")
    }
    names = sorted({found.path for found in pickled.globals})
    return Catalog(
        path=str(path),
        format="torchscript" if script else "torch-zip",
        bytes=size,
        root="module" if script else contents.root,
        root_type=contents.root_type,
        tensors=[
            replace(tensor, file=str(path), record=f"{prefix}data/{tensor.storage}") if tensor.storage else tensor
            for tensor in contents.tensors
        ],
        containers=contents.containers,
        globals=names,
        unsafe_globals=[name for name in names if not is_allowed(name)],
        big_endian=big_endian,
        protocol=pickled.protocol,
        notes=[*contents.notes, *_short_records(contents, sizes)],
    )


def _short_records(contents: Contents, sizes: dict[str, int]) -> list[Note]:
    """Storages whose record is absent or smaller than their tensors need: reading them would leave the record."""
    notes = []
    for storage, (needed, key) in contents.storages.items():
        if needed > sizes.get(storage, -1):
            there = f"{sizes[storage]} bytes are there" if storage in sizes else "it is not in the file"
            notes.append(
                Note(
                    code="out-of-storage",
                    message=f"{key} needs {needed} bytes of storage {storage}, but {there}",
                    path=key,
                )
            )
    return notes


def _no_pickle(path: Path, names: list[str]) -> str:
    if any(name.endswith(".npy") for name in names):
        return (
            f"{path} is a NumPy .npz archive, not a checkpoint; load it with numpy, save a state_dict with torch.save"
        )
    if any(name.rpartition("/")[2] in ("archive_format", "serialized_exported_program.json") for name in names):
        return f"{path} is a torch.export archive (.pt2), not a checkpoint; save its state_dict with torch.save"
    shown = ", ".join(names[:3]) or "nothing"
    return f"{path} is a zip archive but not a PyTorch checkpoint: it holds {shown}, and no data.pkl"
