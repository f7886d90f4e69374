"""Joins the static rows and the calls of a pass into one table in preorder."""

from collections import defaultdict, deque

import msgspec

from inspector.core.table import Row, multiply_adds
from inspector.engine.pytorch.calls import CallRecord, callers_first, made_by


def rows_with_calls(static: list[Row], root: CallRecord | None) -> tuple[list[Row], list[CallRecord | None]]:
    """Every static row in its place, once for each call, with the functions called between modules.

    Children stand in call order; a module that never ran stands before the next registered sibling that did. Returns
    the rows and, aligned with them, the call behind each (None for a module that never ran).
    """
    return _Assembly(static).run(root)


class _Assembly:
    def __init__(self, static: list[Row]) -> None:
        self.static = {row.path: row for row in static}
        self.children: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        for row in static:
            if row.parent is not None:
                parent = static[row.parent].path
                self.children[parent].append(row.path)
                self.parent[row.path] = parent
        self.by_place: dict[str, CallRecord] = {}
        self.elsewhere: dict[str, CallRecord] = {}
        """At every place of a module that ran, whatever its caller called it, the first call."""
        self.flops: dict[int, int] = {}
        self.made: dict[int, int] = {}
        self.rows: list[Row] = []
        self.calls: list[CallRecord | None] = []
        self.counts: dict[tuple[str, str], int] = defaultdict(int)

    def run(self, root: CallRecord | None) -> tuple[list[Row], list[CallRecord | None]]:
        self.flops, self.made = _amounts_of(root)
        if root is not None:
            self._find_places(root, root.path, root.place)
            self._find_elsewhere(root)
        if "" in self.static:
            self._module("", root, root.children if root else [], None, 0)
        return self.rows, self.calls

    def _find_places(self, call: CallRecord, path: str, place: str) -> None:
        """Note the first call at every place that is not the module's own path: that is where its shapes come from.

        `path` and `place` are how an enclosing call is named and where it was; what is below is at the same place too.
        """
        waiting = deque([(call, path, place)])
        while waiting:
            call, path, place = waiting.popleft()
            if not call.is_function:
                if call.place != call.path:
                    path, place = call.path, call.place
                if path != place and (call.path == path or call.path.startswith(f"{path}." if path else "")):
                    self.by_place.setdefault(place + call.path.removeprefix(path), call)
                waiting += [(below, path, place) for below in call.children]

    def _find_elsewhere(self, root: CallRecord) -> None:
        """Note calls at all places of modules registered in several, and below those the calls that were made there."""
        waiting = [root]
        for call in waiting:
            waiting += call.called
            for place in call.places if len(call.places) > 1 else ():
                self.elsewhere.setdefault(place, call)
                inner = list(call.called)
                for one in inner:
                    inner += one.called
                    if one.place.startswith(f"{call.place}."):
                        self.elsewhere.setdefault(place + one.place.removeprefix(call.place), one)

    def _module(
        self,
        path: str,
        call: CallRecord | None,
        below: list[CallRecord],
        parent: int | None,
        depth: int,
        opaque: CallRecord | None = None,
    ) -> None:
        """`opaque` is the call of an enclosing TorchScript module: what it calls itself is not seen."""
        index = len(self.rows)
        row = self.static[path]
        self.rows.append(row)
        self.calls.append(call)
        number = self._count(path, "")
        deeper: dict[str, list[CallRecord]] = defaultdict(list)
        sequence: list[tuple[CallRecord | None, str]] = []
        for item in below:
            if item.is_function or self.parent.get(item.path) == path:
                sequence.append((item, item.path))
                continue
            child = self._child_towards(path, item.path)
            if child is not None:
                # A ModuleList is never called itself: it stands where the first of its modules was.
                if child not in deeper:
                    sequence.append((None, child))
                deeper[child].append(item)
        opaque = call if call is not None and call.is_opaque else opaque
        for called, child in self._order(path, sequence) if sequence or path in self.children else ():
            if called is not None and called.is_function:
                self._function(called, index, depth + 1)
            elif called is not None:
                self._module(child, called, called.children + deeper.pop(child, []), index, depth + 1, opaque)
            else:
                self._module(child, None, deeper.pop(child, []), index, depth + 1, opaque)
        changes: dict[str, object] = {"index": index, "parent": parent, "depth": depth, "call": number}
        if call is None:
            call = self.by_place.get(path) or self.elsewhere.get(path)
        ran = call or opaque
        changes |= {"subtree": len(self.rows) - index, "reached": ran is not None and not ran.failed}
        # A container that is never called itself: what is called below it.
        of = [call] if call else below
        flops = _sum_of(of, self.flops)
        changes |= {"flops": flops, "macs": multiply_adds(flops), "activation_bytes": _sum_of(of, self.made)}
        if call is not None:
            changes |= _of_call(call)
            changes |= {"dtype": row.dtype or call.dtype, "device": row.device or call.device}
        self.rows[index] = msgspec.structs.replace(row, **changes)

    def _function(self, call: CallRecord, parent: int, depth: int) -> None:
        self.calls.append(call)
        self.rows.append(
            Row(
                index=len(self.rows),
                parent=parent,
                kind="function",
                path=call.path,
                call=self._count(call.path, call.type),
                type=call.type,
                name=call.type,
                depth=depth,
                reached=not call.failed,
                dtype=call.dtype,
                device=call.device,
                flops=call.flops,
                macs=multiply_adds(call.flops),
                activation_bytes=call.made_bytes,
                **_of_call(call),  # type: ignore[arg-type]  # a dictionary of fields of several types
            )
        )

    def _order(self, path: str, sequence: list[tuple[CallRecord | None, str]]) -> list[tuple[CallRecord | None, str]]:
        """Calls in order; a child that was not called stands before the next registered one that was, or last."""
        first: dict[str, int] = {}
        for position, (call, place) in enumerate(sequence):
            if call is None or not call.is_function:
                first.setdefault(place, position)
        called = {place for call, place in sequence if call is not None and not call.is_function}
        kept = {
            number
            for number, (call, place) in enumerate(sequence)
            if call is not None or (place not in called and first[place] == number)
        }
        before: dict[int, list[str]] = defaultdict(list)
        waiting: list[str] = []
        for child in self.children[path]:
            if child not in first:
                waiting.append(child)
                continue
            before[first[child]] += waiting
            waiting = []
        ordered: list[tuple[CallRecord | None, str]] = []
        for number in range(len(sequence)):
            ordered += [(None, name) for name in before[number]]
            if number in kept:
                ordered.append(sequence[number])
        return ordered + [(None, name) for name in waiting]

    def _child_towards(self, path: str, descendant: str) -> str | None:
        at: str | None = descendant
        while at is not None and self.parent.get(at) != path:
            at = self.parent.get(at)
        return at

    def _count(self, path: str, type_: str) -> int:
        number = self.counts[path, type_]
        self.counts[path, type_] += 1
        return number


def _sum_of(calls: list[CallRecord], amounts: dict[int, int]) -> int | None:
    if len(calls) == 1:
        return amounts.get(id(calls[0]))
    counted = [amounts[id(call)] for call in calls if id(call) in amounts]
    return sum(counted) if counted else None


def _amounts_of(root: CallRecord | None) -> tuple[dict[int, int], dict[int, int]]:
    """The operations, and the bytes newly taken for outputs, of each call by the record's identity; none for none.

    Of a call with all those that it led to: a module that is registered elsewhere counts for who called it, wherever
    its row stands.
    """
    flops: dict[int, int] = {}
    made: dict[int, int] = {}
    for call in reversed(list(callers_first(root))):
        number = id(call)
        if call.flops is not None:
            flops[number] = flops.get(number, 0) + call.flops
        if call.made_bytes is not None:
            made[number] = made.get(number, 0) + call.made_bytes
        for below in made_by(call):
            if id(below) in flops:
                flops[number] = flops.get(number, 0) + flops[id(below)]
            if id(below) in made:
                made[number] = made.get(number, 0) + made[id(below)]
    return flops, made


def _of_call(call: CallRecord) -> dict[str, object]:
    return {
        "input_shapes": call.input_shapes,
        "output_shapes": call.output_shapes,
        "output_bytes": call.output_bytes,
        "source": call.source,
        "formula": call.formula,
        "receptive_field": call.field() if call.field else None,
    }
