"""The directory of a zip archive: what its members are called and where their bytes lie.

It is read within bounds, takes 100,000 members in a fraction of a second, and works in place on an archive that is a
member of another. Source of the layout: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = 500_000
MAX_DIRECTORY = 64 * 2**20
STORED, DEFLATED = 0, 8
_ENCRYPTED = 0x1
_END = struct.Struct("<4s4xHHIIH")
_END64 = struct.Struct("<4s20xQQQQ")
_ENTRY = struct.Struct("<4s4xHH8xIIHHH8xI")
_LOCAL = struct.Struct("<4s22xHH")
_OPEN_END = 0xFFFFFFFF


class BrokenZipError(ValueError):
    """The archive, or the member asked for, cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive, as its directory tells."""

    name: str
    size: int
    packed: int
    """Bytes that it takes in the archive."""
    method: int
    encrypted: bool
    header: int
    """Where its own header begins, in bytes of the archive."""


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """The members of the archive that lies at `start` of the file at `path`."""

    path: Path
    start: int
    size: int
    members: dict[str, Member]
    repeated: list[str] = field(default_factory=list)
    """Names that several members have; readers differ in which of them they take."""

    def member(self, name: str) -> Member:
        """The member of this name; BrokenZipError where there is none."""
        if name not in self.members:
            raise BrokenZipError(f"it has no {name}")
        return self.members[name]

    def place(self, name: str) -> int:
        """Byte of the file at which the bytes of a member begin; BrokenZipError where its header is not there."""
        member = self.member(name)
        with self.path.open("rb") as stream:
            return _place(stream, self, member)

    def read(self, name: str, limit: int, only_head: bool = False) -> bytes:
        """The bytes of a member, or with `only_head` its first `limit` ones.

        Raises BrokenZipError where it is larger than `limit` bytes, encrypted, packed in a way that is not known, or
        not what the directory says.
        """
        member = self.member(name)
        if member.encrypted:
            raise BrokenZipError(f"{name} is encrypted")
        if member.size > limit and not only_head:
            raise BrokenZipError(f"{name} unpacks to {member.size:,} bytes, and no more than {limit:,} are read")
        if member.method not in (STORED, DEFLATED):
            raise BrokenZipError(f"{name} is compressed by method {member.method}, which PyTorch does not write")
        with self.path.open("rb") as stream:
            stream.seek(_place(stream, self, member))
            packed = stream.read(min(member.packed, limit + 65536))
        wanted = min(member.size, limit)
        return _unpacked(packed, member, wanted)


def read_directory(path: Path, start: int = 0, size: int | None = None) -> ZipDirectory:
    """Read the directory of the archive in the `size` bytes from `start` on; raises BrokenZipError."""
    with path.open("rb") as stream:
        length = stream.seek(0, 2) - start if size is None else size

        def at(position: int, count: int) -> bytes:
            if position < 0 or count < 0 or position + count > length:
                raise BrokenZipError("its directory points outside of it")
            stream.seek(start + position)
            found = stream.read(count)
            if len(found) < count:
                raise BrokenZipError("it is cut off")
            return found

        count, begin, taken = _end(at, length)
        if count > MAX_MEMBERS or taken > MAX_DIRECTORY:
            raise BrokenZipError(f"its directory lists {count:,} members, and no checkpoint has that many")
        table = at(begin, taken)
    members: dict[str, Member] = {}
    repeated: list[str] = []
    position = 0
    for _ in range(count):
        if len(table) - position < _ENTRY.size:
            raise BrokenZipError("its directory ends in the middle")
        signature, flags, method, packed, unpacked, *lengths, header = _ENTRY.unpack_from(table, position)
        if signature != b"PK\x01\x02":
            raise BrokenZipError("its directory is damaged")
        behind = position + _ENTRY.size + lengths[0]
        name = _decoded(table[position + _ENTRY.size : behind])
        if _OPEN_END in (packed, unpacked, header):
            unpacked, packed, header = _wide(table[behind : behind + lengths[1]], unpacked, packed, header)
        if name in members:
            repeated.append(name)
        members[name] = Member(name, unpacked, packed, method, bool(flags & _ENCRYPTED), header)
        position = behind + lengths[1] + lengths[2]
    return ZipDirectory(path, start, length, members, repeated)


def _end(at: Callable[[int, int], bytes], length: int) -> tuple[int, int, int]:
    """Members, position and bytes of the directory, from the record at the archive's end."""
    tail_size = min(length, _END.size + 65535)
    tail = at(length - tail_size, tail_size)
    found = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END.size + 4))
    if found < 0:
        raise BrokenZipError("its directory is missing")
    _, _, count, taken, begin, _ = _END.unpack_from(tail, found)
    here = length - tail_size + found
    if count == 0xFFFF or _OPEN_END in (taken, begin):
        locator = at(here - 20, 20) if here >= 20 else b""
        if locator.startswith(b"PK\x06\x07"):
            signature, _, count, taken, begin = _END64.unpack(at(int.from_bytes(locator[8:16], "little"), _END64.size))
            if signature != b"PK\x06\x06":
                raise BrokenZipError("its directory is damaged")
    return count, begin, taken


def _wide(extra: bytes, *values: int) -> list[int]:
    """The 64-bit sizes of an entry (unpacked, packed, header), which stand in the field with id 1 behind its name."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            numbers = iter(
                struct.unpack_from(f"<{length // 8}Q", extra.ljust(position + 4 + length, b"\0"), position + 4)
            )
            return [next(numbers, value) if value == _OPEN_END else value for value in values]
        position += 4 + length
    return list(values)


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def _place(stream: BinaryIO, directory: ZipDirectory, member: Member) -> int:
    if member.header + _LOCAL.size > directory.size:
        raise BrokenZipError(f"{member.name} lies behind its end")
    stream.seek(directory.start + member.header)
    signature, name, extra = _LOCAL.unpack(stream.read(_LOCAL.size).ljust(_LOCAL.size, b"\0"))
    if signature != b"PK\x03\x04":
        raise BrokenZipError(f"{member.name} is not where its directory says")
    begin = member.header + _LOCAL.size + int(name) + int(extra)
    if begin + member.packed > directory.size:
        raise BrokenZipError(f"{member.name} reaches behind its end")
    return directory.start + begin


def _unpacked(packed: bytes, member: Member, wanted: int) -> bytes:
    if member.method == STORED:
        data = packed[:wanted]
    else:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, wanted) if wanted else b""
        except zlib.error as error:
            raise BrokenZipError(f"{member.name} cannot be unpacked ({error})") from error
    if len(data) < wanted:
        raise BrokenZipError(f"{member.name} has fewer bytes than its directory says")
    return data
