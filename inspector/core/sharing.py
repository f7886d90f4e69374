"""Equal parts of many records made one object: a hundred thousand rows repeat few types, shapes and devices."""

from collections.abc import Iterable
from typing import Any

import msgspec

REMEMBERED = 20_000
"""Values looked for again; what is met later than so many others is rarely met once more."""
_encoder = msgspec.msgpack.Encoder()


class Sharing:
    """Lets records that were just made share what is equal in them; nobody changes what is in a record."""

    def __init__(self) -> None:
        self._scalars: dict[type, dict[Any, Any]] = {str: {}, int: {}}
        self._composed: dict[tuple[type, bytes], Any] = {}

    def share(self, records: Iterable[msgspec.Struct]) -> None:
        """Replace texts, numbers, lists and records inside these by equal ones met before."""
        for record in records:
            for field in record.__struct_fields__:
                value = getattr(record, field)
                known = self._known(value)
                if known is not value:
                    msgspec.structs.force_setattr(record, field, known)

    def _known(self, value: Any) -> Any:
        kind = type(value)
        if kind in self._scalars:
            memory = self._scalars[kind]
            if len(memory) > REMEMBERED:
                memory.clear()
            return memory.setdefault(value, value)
        if kind is list or isinstance(value, msgspec.Struct):
            try:
                # Told apart by kind, since two kinds of records may be encoded alike.
                key = (kind, _encoder.encode(value))
            except (OverflowError, ValueError):
                # A number beyond 64 bits or half a surrogate pair, which only a file's names and sizes hold.
                return value
            if len(self._composed) > REMEMBERED:
                self._composed.clear()
            return self._composed.setdefault(key, value)
        return value
