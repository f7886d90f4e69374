"""Messages on a byte stream: four bytes of length, big-endian, then msgpack."""

from typing import Any

import msgspec

LENGTH_BYTES = 4
LONGEST = 1 << 31
"""A longer message is refused: it would be a broken stream."""
_encoder = msgspec.msgpack.Encoder()


def frame(message: Any) -> bytes:
    """A message with its length in front."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def encode(value: Any) -> msgspec.Raw:
    """An answer to put into a `Reply`."""
    return msgspec.Raw(_encoder.encode(value))


def length_of(head: bytes) -> int:
    """The length of the message that follows. Raises ValueError where the stream is not ours."""
    length = int.from_bytes(head, "big")
    if length > LONGEST:
        raise ValueError("the stream does not hold nninspect messages")
    return length
