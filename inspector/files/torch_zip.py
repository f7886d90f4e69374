"""Files of ``torch.save`` since 1.6: a zip archive with a pickle and one record a storage; TorchScript archives too."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.table import Note
from inspector.files.allowed_globals import named_globals, warning
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.inert_pickle import MAX_BYTES, BrokenPickleError, Global, Pickled, Uses, read_pickle
from inspector.files.script_classes import ScriptClasses
from inspector.files.torch_objects import Contents, read_contents
from inspector.files.zip_directory import STORED, BrokenZipError, ZipDirectory

PICKLE = "data.pkl"


def sniff(directory: ZipDirectory) -> bool:
    """Whether the archive holds torch's pickle."""
    return bool(_pickles(directory))


def open(directory: ZipDirectory) -> Catalog:
    """Read the catalog of a torch archive; raises RequestError or BrokenZipError where its pickle cannot be read."""
    path = directory.path
    prefix = min(_pickles(directory), key=len).removesuffix(PICKLE)
    script = f"{prefix}constants.pkl" in directory.members
    pickled, contents = read_archive(directory, prefix, ScriptClasses(directory, prefix) if script else None)
    return Catalog(
        path=str(path),
        format="torchscript" if script else "torch-zip",
        bytes=path.stat().st_size,
        root="module" if script else contents.root,
        root_type=contents.root_type,
        tensors=[
            replace(tensor, file=str(path), record=f"{prefix}data/{tensor.storage}") if tensor.storage else tensor
            for tensor in contents.tensors
        ],
        containers=contents.containers,
        modules=contents.modules,
        globals=named_globals([pickled]),
        big_endian=is_big_endian(directory, prefix),
        protocol=pickled.protocol,
        notes=[
            *contents.notes,
            *short_records(contents.storages.items(), record_sizes(directory, f"{prefix}data/")),
            *repeated_names(directory),
        ],
    )


def read_archive(
    directory: ZipDirectory, prefix: str, classes: ScriptClasses | None = None
) -> tuple[Pickled, Contents]:
    """The pickle of a torch archive whose members begin with `prefix`, and what is in it.

    Raises RequestError where it is too large or damaged, BrokenZipError where it cannot be got.
    """
    member = directory.members[f"{prefix}{PICKLE}"]
    if member.size > MAX_BYTES:
        raise RequestError(
            f"{directory.path}: its pickle is larger than {MAX_BYTES // 2**20} MiB; this is not a checkpoint"
        )
    named: Mapping[Global, Uses] = {}
    try:
        pickled = read_pickle(directory.read(member.name, MAX_BYTES))
        named = pickled.globals
        return pickled, read_contents(pickled.value, classes)
    except BrokenPickleError as error:
        raise RequestError(
            f"{directory.path}: the pickle in it cannot be read ({error}){warning(error.globals or named)}; "
            "the file is damaged, fetch it again"
        ) from error


def is_big_endian(directory: ZipDirectory, prefix: str) -> bool:
    """Whether the archive says that its storages begin with the highest byte."""
    return f"{prefix}byteorder" in directory.members and directory.read(f"{prefix}byteorder", 64) == b"big"


def record_sizes(directory: ZipDirectory, folder: str) -> dict[str, int]:
    """Bytes of each member below `folder` that can be mapped, by its name there."""
    found: dict[str, int] = {}
    for name, member in directory.members.items():
        if name.startswith(folder):
            whole = member.method == STORED and not member.encrypted and member.header + member.size <= directory.size
            found[name[len(folder) :]] = member.size if whole else -1
    return found


def short_records(needs: Iterable[tuple[str, tuple[int, str]]], sizes: dict[str, int]) -> list[Note]:
    """Storages whose record is absent or smaller than their tensors need: reading them would leave the record."""
    notes = []
    for storage, (needed, key) in needs:
        there = sizes.get(storage)
        if there is None:
            found = "it is not in the file"
        elif there < 0:
            found = "it is compressed, encrypted or cut off, which PyTorch never writes"
        elif needed > there:
            found = f"{there} bytes are there"
        else:
            continue
        notes.append(
            Note(
                code="out-of-storage", message=f"{key} needs {needed} bytes of storage {storage}, but {found}", path=key
            )
        )
    return notes


def repeated_names(directory: ZipDirectory) -> list[Note]:
    """A note where two members have one name: this reader and another may take different ones."""
    if not directory.repeated:
        return []
    message = f"the archive has two members named {directory.repeated[0]}: other readers may take the other one"
    return [Note(code="repeated-record", message=message)]


def nested(tensors: Iterable[CatalogTensor], directory: ZipDirectory, prefix: str) -> list[CatalogTensor]:
    """The tensors of an archive within the file, with the bytes of the file at which their storages begin."""
    placed = []
    for tensor in tensors:
        record = f"{prefix}data/{tensor.storage}"
        try:
            start = directory.place(record)
        except BrokenZipError:
            placed.append(tensor)
        else:
            placed.append(replace(tensor, file=str(directory.path), start=start))
    return placed


def _pickles(directory: ZipDirectory) -> list[str]:
    return [name for name in directory.members if name == PICKLE or name.endswith(f"/{PICKLE}")]
