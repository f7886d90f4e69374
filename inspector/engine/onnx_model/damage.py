"""Where a file that should be a model stops being one: the innermost field that is cut short or of the wrong kind."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from onnx import ModelProto

from inspector.engine.onnx_model.wire import BYTES, FIXED32, FIXED64, VARINT, Content, Field, WireError, fields

_DEEPEST = 90
"""Messages in each other; protocol buffers end at 100."""
_MOST_FIELDS = 2_000_000
_KINDS = {
    FieldDescriptor.TYPE_MESSAGE: BYTES,
    FieldDescriptor.TYPE_STRING: BYTES,
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_FLOAT: FIXED32,
    FieldDescriptor.TYPE_DOUBLE: FIXED64,
}
"""The wire type of each field type; numbers not named here are varints."""


def damage_in(content: Content) -> str | None:
    """What is wrong with the bytes of a model, and where; None where they read as one."""
    search = _Search(content)
    return search.message(ModelProto.DESCRIPTOR, 0, len(content), "", 0)


def unreadable_text(message: Message, place: str = "") -> str | None:
    """Where a text in a message is none: protocol buffers hand out what is no UTF-8 as bytes."""
    for known, value in message.ListFields():
        several = value if known.is_repeated else (value,)
        if known.type == FieldDescriptor.TYPE_STRING:
            if any(isinstance(one, bytes) for one in several):
                return f"`{known.name}` is no text (not UTF-8){_in(place)}"
        elif known.type == FieldDescriptor.TYPE_MESSAGE:
            for number, one in enumerate(several):
                own = f"{known.name}[{number}]" if known.is_repeated else known.name
                found = unreadable_text(one, f"{place}.{own}" if place else own)
                if found is not None:
                    return found
    return None


class _Search:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._left = _MOST_FIELDS

    def message(self, kind: Descriptor, start: int, end: int, place: str, depth: int) -> str | None:
        if depth > _DEEPEST:
            return f"{_shortened(place)} lies deeper than protocol buffers go: too many graphs in graphs"
        counts: dict[str, int] = {}
        try:
            for field in fields(self._content, start, end):
                self._left -= 1
                found = self._field(kind, field, place, depth, counts)
                if found is not None or self._left < 0:
                    return found
        except WireError as problem:
            inside = self._field(kind, problem.cut, place, depth, counts) if problem.cut else None
            return inside or f"{problem}{_in(place)}"
        return None

    def _field(self, kind: Descriptor, field: Field, place: str, depth: int, counts: dict[str, int]) -> str | None:
        known = kind.fields_by_number.get(field.number)
        if known is None:
            return None
        wanted = _KINDS.get(known.type, VARINT)
        packed = field.kind == BYTES and known.is_repeated and wanted != BYTES
        if field.kind != wanted and not packed:
            return f"`{known.name}` has wire type {field.kind} where {wanted} belongs{_in(place)}"
        if known.type == FieldDescriptor.TYPE_MESSAGE:
            inner = self._label(known, place, counts)
            return self.message(known.message_type, field.start, field.end, inner, depth + 1)
        return None

    def _label(self, known: FieldDescriptor, place: str, counts: dict[str, int]) -> str:
        number = counts.get(known.name, 0)
        counts[known.name] = number + 1
        own = f"{known.name}[{number}]" if known.is_repeated else known.name
        return f"{place}.{own}" if place else own


def _in(place: str) -> str:
    return f", in {_shortened(place)}" if place else ""


def _shortened(place: str) -> str:
    return place if len(place) <= 80 else f"{place[:40]}…{place[-38:]}"
