"""Which tensors lie at or below a row of the table."""

from bisect import bisect_left
from functools import cached_property

from inspector.core.table import ModelTable, Row, Tensor


class TensorPlaces:
    """The tensors of one table by the rows that hold them; of a large one they are looked up, not gone through."""

    def __init__(self, table: ModelTable) -> None:
        self.table = table
        self._below: tuple[Row, list[Tensor]] | None = None
        """The last answer, and so `_own`: one row is asked about many times."""
        self._own: tuple[str, list[Tensor]] | None = None

    def prepare(self) -> None:
        """Sort the keys now; else the first question takes the time for it."""
        _ = self._sorted

    def below(self, row: Row) -> list[Tensor]:
        """The tensors at or below a row, by their keys; for a function those that its caller holds itself."""
        if self._below is None or self._below[0] is not row:
            self._below = (row, self._found_below(row))
        return self._below[1]

    def own(self, row: Row) -> list[Tensor]:
        """The row's own tensors."""
        if row.kind == "node":
            return self.below(row)
        if self._own is None or self._own[0] != row.path:
            self._own = (row.path, self._held_by(row.path))
        return self._own[1]

    def _found_below(self, row: Row) -> list[Tensor]:
        if row.kind == "function":
            return self.own(row)
        if not row.path:
            return self.table.tensors
        if self.table.model.framework == "onnx":
            return self._by_scope(row)
        keys, order = self._sorted
        places = order[bisect_left(keys, row.path + ".") : bisect_left(keys, row.path + _AFTER_DOT)]
        at = bisect_left(keys, row.path)
        itself = [order[at]] if at < len(keys) and keys[at] == row.path else []
        return [self.table.tensors[place] for place in sorted(itself + places)]

    def _held_by(self, path: str) -> list[Tensor]:
        """Those whose keys are the path and one part more: what has further parts is stepped over, module by module."""
        keys, order = self._sorted
        inside = f"{path}." if path else ""
        at = bisect_left(keys, inside)
        end = bisect_left(keys, path + _AFTER_DOT) if path else len(keys)
        found = []
        while at < end:
            head, dot, _ = keys[at][len(inside) :].partition(".")
            if dot:
                at = bisect_left(keys, inside + head + _AFTER_DOT, at)
            else:
                found.append(order[at])
                at += 1
        return [self.table.tensors[place] for place in sorted(found)]

    @cached_property
    def _sorted(self) -> tuple[list[str], list[int]]:
        """The keys in the order of their characters, and where each stands in the table."""
        tensors = self.table.tensors
        order = sorted(range(len(tensors)), key=lambda place: tensors[place].key)
        return [tensors[place].key for place in order], order

    def _by_scope(self, row: Row) -> list[Tensor]:
        """An ONNX node's initializers, where their names follow its scope as exporters write them, or lie in its body.

        Nothing in the file says so; whether the guess holds is checked by the number of elements.
        """
        scope = row.path.strip("/") if row.kind != "node" else row.path.strip("/").rpartition("/")[0]
        around = row.path.rpartition("/")[0] if row.kind == "node" and row.subtree == 1 else row.path
        inside = (scope.replace("/", ".") + ".", around + "/")
        found = [tensor for tensor in self.table.tensors if tensor.key.startswith(inside)]
        elements = sum(tensor.elements or 0 for tensor in found if tensor.kind == "parameter")
        return found if (scope or around) and row.parameters and elements == row.parameters else []


_AFTER_DOT = chr(ord(".") + 1)
"""Behind a path, what comes right after everything below that path."""
