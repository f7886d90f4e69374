"""The wire format of protocol buffers: just enough to find a large field in a file, and to write one.

Source: https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

Content = mmap | bytes
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}


@dataclass(frozen=True)
class Field:
    """One field of a message: what it is, and where its tag and its content lie."""

    number: int
    kind: int
    tag: int
    start: int
    end: int


class WireError(ValueError):
    """The bytes are no message: the text says what is wrong, and at which byte."""

    def __init__(self, text: str, cut: Field | None = None) -> None:
        super().__init__(text)
        self.cut = cut
        """What is there of a field that goes on behind the end."""


def fields(content: Content, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two positions.

    Raises WireError where they are no message.
    """
    at = start
    while at < end:
        tag = at
        key, at = _varint(content, at, end)
        number, kind = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise WireError(f"there is no field {number}, at byte {tag:,}")
        if kind == VARINT:
            first = at
            _, at = _varint(content, at, end)
        elif kind == BYTES:
            size, first = _varint(content, at, end)
            at = first + size
        elif kind in _FIXED:
            first, at = at, at + _FIXED[kind]
        else:
            raise WireError(f"there is no wire type {kind}, at byte {tag:,}")
        if at > end:
            text = f"{at - first:,} bytes are announced at byte {tag:,} where {max(0, end - first):,} are left"
            raise WireError(text, Field(number, kind, tag, first, end))
        yield Field(number, kind, tag, first, at)


def head(number: int, size: int) -> bytes:
    """What stands before the content of a field of bytes or of a message."""
    return encoded(number << 3 | BYTES) + encoded(size)


def encoded(number: int) -> bytes:
    """A number of at least 0 as a varint."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _varint(content: Content, at: int, end: int) -> tuple[int, int]:
    number = 0
    for place in range(10):
        if at >= end:
            raise WireError(f"it ends in the middle of a number, at byte {at:,}")
        byte = content[at]
        at += 1
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at
    raise WireError(f"a number is longer than ten bytes, at byte {at - 10:,}")
