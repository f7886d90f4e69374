"""A state_dict written in torch's own format, one tensor after the other.

`torch.serialization.skip_data` leaves the room for each tensor's bytes in the archive; they are filled in afterwards,
and their checksums.
"""

import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from inspector.files import open_catalog
from inspector.files.values.writing import Outgoing, write_values
from inspector.files.zip_directory import read_directory

_CHECKSUM_IN_LOCAL_HEADER, _CHECKSUM_IN_DIRECTORY = 14, 16
_ENTRY = b"PK\x01\x02"


Versions = Mapping[str, Any] | None
"""From the paths of modules to ``{"version": 2}``; None where a state_dict does not tell."""


def versions_of(state: Mapping[str, Any]) -> Versions:
    """What a state_dict tells of the versions of its modules, by which they convert old files and refuse others."""
    found: Versions = getattr(state, "_metadata", None)
    return found


def with_versions(state: "OrderedDict[str, Tensor]", versions: Versions) -> "OrderedDict[str, Tensor]":
    """The same state_dict telling these versions."""
    if versions is not None:
        state._metadata = versions  # type: ignore[attr-defined]
    return state


def write_torch(path: Path, tensors: Sequence[Outgoing], versions: Versions = None) -> None:
    """Write ``torch.save`` of an ordered dictionary of these tensors to `path`, with the versions of its modules."""
    # Memory that is never touched is never taken.
    empty = with_versions(
        OrderedDict((tensor.key, torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype))) for tensor in tensors),
        versions,
    )
    with torch.serialization.skip_data(), path.open("wb") as skeleton:
        # To an open file: the archive would have the name of the path within.
        torch.save(empty, skeleton)
    del empty
    places = {tensor.key: tensor for tensor in open_catalog(path).tensors}
    with zipfile.ZipFile(path) as archive:
        behind_members = archive.start_dir
    directory = read_directory(path)
    checksums: dict[str, int] = {}
    with path.open("r+b") as stream:
        for tensor in tensors:
            record = places[tensor.key].record
            if record is None:
                continue
            stream.seek(directory.place(record))
            checksum = 0

            def add(piece: bytes) -> None:
                nonlocal checksum
                checksum = zlib.crc32(piece, checksum)

            write_values(stream, tensor, add)
            checksums[record] = checksum
            stream.seek(directory.members[record].header + _CHECKSUM_IN_LOCAL_HEADER)
            stream.write(checksum.to_bytes(4, "little"))
        _fill_directory(stream, behind_members, checksums)


def _fill_directory(stream: BinaryIO, start: int, checksums: dict[str, int]) -> None:
    """Put the checksums into the archive's directory, which lists every member at its end."""
    stream.seek(start)
    directory = bytearray(stream.read())
    at = 0
    while directory[at : at + 4] == _ENTRY:
        name, extra, comment = (
            int.from_bytes(directory[at + place : at + place + 2], "little") for place in (28, 30, 32)
        )
        checksum = checksums.get(directory[at + 46 : at + 46 + name].decode())
        if checksum is not None:
            place = at + _CHECKSUM_IN_DIRECTORY
            directory[place : place + 4] = checksum.to_bytes(4, "little")
        at += 46 + name + extra + comment
    stream.seek(start)
    stream.write(directory)
