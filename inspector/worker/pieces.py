"""Large answers in pieces: a table of a hundred thousand rows must not hold up the event loop that takes it in.

Long lists of records travel ahead of the reply that they belong to, some hundred records a message, and the reply has
empty lists in their places.
"""

import asyncio
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from inspector.core.sharing import Sharing
from inspector.worker import protocol

PIECE = 200
"""Records in a message: few milliseconds of decoding, also of rows with long fields."""
LARGE = 1 << 16
"""Bytes below which an answer is sent as it is."""
_encoder = msgspec.msgpack.Encoder()
_ARRAYS = {0xDC: 2, 0xDD: 4}
"""First bytes of msgpack's longer arrays, and how many bytes of length follow."""
_MAPS = (*range(0x80, 0x90), 0xDE, 0xDF)


def in_pieces(reply: protocol.Reply) -> Iterator[protocol.Items | protocol.Reply]:
    """The messages that carry a reply: its long lists, then the rest of it."""
    pieces: list[protocol.Items] = []
    rest = _without_lists(reply.id, memoryview(reply.answer), [], pieces)
    yield from pieces
    yield protocol.Reply(reply.id, rest) if pieces else reply


def _without_lists(id: int, answer: memoryview, path: list[str], pieces: list[protocol.Items]) -> msgspec.Raw:
    if len(answer) < LARGE or answer[0] not in _MAPS:
        return msgspec.Raw(answer)
    fields = msgspec.msgpack.decode(answer, type=dict[str, msgspec.Raw])
    for name, raw in fields.items():
        value = memoryview(raw)
        if _is_list_of_records(value):
            records = msgspec.msgpack.decode(value, type=list[msgspec.Raw])
            pieces += [
                protocol.Items(id, [*path, name], msgspec.Raw(_encoder.encode(records[at : at + PIECE])))
                for at in range(0, len(records), PIECE)
            ]
            fields[name] = msgspec.Raw(_encoder.encode([]))
        else:
            fields[name] = _without_lists(id, value, [*path, name], pieces)
    return msgspec.Raw(_encoder.encode(fields))


def _is_list_of_records(value: memoryview) -> bool:
    head = _ARRAYS.get(value[0])
    if head is None:
        return False
    return int.from_bytes(value[1 : 1 + head], "big") > PIECE and value[1 + head] in _MAPS


class Pieces:
    """An answer that is on its way."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._sharing = Sharing()
        self._lists: dict[tuple[str, ...], list[Any]] = {}
        self._decoders: dict[tuple[str, ...], msgspec.msgpack.Decoder[Any]] = {}

    def take(self, items: protocol.Items) -> None:
        """Keep some records of one of its lists."""
        path = tuple(items.path)
        if path not in self._decoders:
            self._decoders[path] = msgspec.msgpack.Decoder(_field_type(self._answer, path))
        records = self._decoders[path].decode(items.items)
        self._sharing.share(records)
        self._lists.setdefault(path, []).extend(records)

    def whole(self, reply: protocol.Reply) -> Any:
        """The answer, its lists filled."""
        answer = msgspec.msgpack.decode(reply.answer, type=self._answer)
        for path, records in self._lists.items():
            answer = _filled(answer, path, records)
        return answer


async def taken_in(reply: protocol.Reply, answer: Any) -> Any:
    """An answer that is here already, decoded piece by piece, so that others have their turns on the event loop."""
    pieces = Pieces(answer)
    for message in await asyncio.to_thread(lambda: list(in_pieces(reply))):
        if isinstance(message, protocol.Reply):
            return pieces.whole(message)
        pieces.take(message)
        await asyncio.sleep(0)
    raise AssertionError("the last piece is the reply")


def _filled(record: Any, path: Sequence[str], records: list[Any]) -> Any:
    name, *rest = path
    value = _filled(getattr(record, name), rest, records) if rest else records
    return msgspec.structs.replace(record, **{name: value})


def _field_type(answer: Any, path: Sequence[str]) -> Any:
    for name in path:
        annotated = typing.get_type_hints(_record_type(answer))[name]
        answer = annotated
    return answer


def _record_type(annotated: Any) -> Any:
    """The record of ``Record | None``."""
    if isinstance(annotated, types.UnionType):
        return next(one for one in typing.get_args(annotated) if one is not type(None))
    return annotated
