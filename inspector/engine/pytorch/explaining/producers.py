"""Which call made a tensor, and where the ways to two tensors part; worked out from the records after a failure."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from inspector.engine.pytorch.calls import CallRecord


class Flow:
    """The calls of a failed pass as a graph.

    Records keep the identities of their tensors only, which Python gives to others once a tensor is gone: replayed in
    the order of the calls, the last one to return an identity made the tensor that has it now.
    """

    def __init__(self, root: CallRecord | None) -> None:
        self._makers: dict[int, CallRecord] = {}
        self._shapes: dict[int, list[int]] = {}
        self._parents: dict[int, CallRecord] = {}
        self._sources: dict[int, list[CallRecord]] = {}
        self._order: dict[int, int] = {}
        if root is not None:
            self._note(root, root.input_ids, root.input_shapes)
            self._replay(root)

    def _replay(self, root: CallRecord) -> None:
        waiting: list[tuple[CallRecord, bool]] = [(root, False)]
        while waiting:
            call, is_over = waiting.pop()
            if is_over:
                # What a container returns was made by the last call inside it.
                for number, shape in zip(call.output_ids, call.output_shapes, strict=True):
                    if not call.children or self._made(number, shape) is None:
                        self._makers[number], self._shapes[number] = call, shape
                continue
            self._order[id(call)] = len(self._order)
            self._sources[id(call)] = [
                maker
                for number, shape in zip(call.input_ids, call.input_shapes, strict=True)
                if (maker := self._made(number, shape)) is not None
            ]
            waiting.append((call, True))
            for child in reversed(call.children):
                self._parents[id(child)] = call
                waiting.append((child, False))

    def _note(self, call: CallRecord, numbers: list[int], shapes: list[list[int]]) -> None:
        for number, shape in zip(numbers, shapes, strict=True):
            self._makers[number], self._shapes[number] = call, shape

    def _made(self, number: int, shape: list[int]) -> CallRecord | None:
        return self._makers.get(number) if self._shapes.get(number) == shape else None

    def maker(self, tensor: torch.Tensor) -> CallRecord | None:
        """The innermost call that returned a tensor; the root's for an input; None for parameters and unseen calls."""
        return self._made(id(tensor), list(tensor.shape))

    def sources(self, call: CallRecord) -> list[CallRecord]:
        """The calls that made what a call was given."""
        return self._sources.get(id(call), [])

    def shown(self, call: CallRecord, path: str) -> CallRecord:
        """The call as code of the module at `path` sees it: the module there whose last call this was."""
        shown, at = call, call
        while (parent := self._parents.get(id(at))) is not None:
            if parent.path == path or not set(parent.output_ids) & set(call.output_ids):
                break
            shown = at = parent
        return shown

    def back(self, call: CallRecord) -> list[CallRecord]:
        """A call and all those before it that it depends on, the latest first."""
        found: dict[int, CallRecord] = {}
        waiting = [call]
        while waiting:
            one = waiting.pop()
            if id(one) not in found:
                found[id(one)] = one
                waiting += self.sources(one)
        return sorted(found.values(), key=lambda one: -self._order[id(one)])

    def chain(self, call: CallRecord, first: bool = False) -> Iterator[CallRecord]:
        """A call and what came before it as far as each has a single source, the latest first.

        With `first` the first source of several is taken, as good as any where only sizes count.
        """
        at: CallRecord | None = call
        seen: set[int] = set()
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            yield at
            before = self.sources(at)
            at = before[0] if len(before) == 1 or (first and before) else None


@dataclass(frozen=True)
class Branches:
    """Two ways to the operands of one call."""

    fork: CallRecord | None
    """The last call that both depend on; the model's own stands for its input; None where there is none."""
    left: list[CallRecord]
    right: list[CallRecord]
    """The calls since the fork, the latest first."""


def branches(flow: Flow, left: CallRecord, right: CallRecord) -> Branches:
    """Where the ways to what two calls made part."""
    one, other = flow.back(left), flow.back(right)
    common = {id(call) for call in one} & {id(call) for call in other}
    fork = next((call for call in one if id(call) in common), None)
    return Branches(
        fork=fork,
        left=[call for call in one if id(call) not in common],
        right=[call for call in other if id(call) not in common],
    )
