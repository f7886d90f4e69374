"""Which call of its row each call of a pass is, as the table numbers them."""

from collections import Counter

from inspector.engine.pytorch.calls import CallRecord

RowKey = tuple[str, str, int]
"""A module's path; a function's type, "" for modules; the number of the call."""


class CallNumbers:
    """Counts the calls of each row: modules as they begin, functions as they end, for only then they are rows."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._begun: dict[int, int] = {}
        """By the record's identity."""

    def begin(self, call: CallRecord) -> int:
        """The number of a call that begins; 0 for the first of its row."""
        row = _row_of(call)
        number = self._begun[id(call)] = self._counts[row]
        self._counts[row] += not call.is_function
        return number

    def end(self, call: CallRecord) -> int:
        """The number of a call that ends."""
        self._counts[_row_of(call)] += call.is_function
        return self._begun.pop(id(call), 0)

    def of(self, call: CallRecord) -> int:
        """The number of a call that has begun and did not end."""
        return self._begun.get(id(call), 0)


def key_of(call: CallRecord, number: int) -> RowKey:
    """What is the same for a call of the same row in another pass."""
    return (*_row_of(call), number)


def _row_of(call: CallRecord) -> tuple[str, str]:
    return call.path, call.type if call.is_function else ""
