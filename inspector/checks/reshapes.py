"""Views and reshapes that were meant to swap axes."""

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.findings import Finding
from inspector.core.wording import shape
from inspector.engine.pytorch.source_edits import Edit, patch
from inspector.engine.pytorch.user_source import calls_on_line

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.flow import Flow, Node

VIEW_AS_PERMUTE = rule(
    "NN203",
    "view-as-permute",
    "view and reshape to the same sizes in another order: elements keep their order in memory, so that axes are not "
    "swapped but cut anew.",
    "Some size comes back at another place among axes that the call does not merely split or merge. Not where a "
    "transpose or permute follows within two calls, nor the shift by one behind a padding.",
    "The documentation of Tensor.view; PYSIASSIST's pattern of the same kind, there by source alone.",
)
_VIEWS = {"view", "reshape", "view_as", "reshape_as", "unflatten", "flatten", "unsafe_view"}
_SAME = {"contiguous", "clone", "unsqueeze", "squeeze", "to"}
_SWAPS = {"transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT", "adjoint"}
_PADS = {"pad", "cat", "concat", "constant_pad_nd"}


@looks_at_module(VIEW_AS_PERMUTE)
def view_as_permute(evidence: Evidence) -> Iterator[Finding]:
    """Of the lines of the user's code, each once."""
    from inspector.engine.pytorch.experiments.flow import flow

    found = evidence.of(flow)
    told: set[tuple[str, int]] = set()
    for node in found.nodes:
        if node.name not in _VIEWS or not node.is_users or node.source is None:
            continue
        before, after = node.operands[0], node.results[0]
        at = node.source.file, node.source.line
        group = recut(before, after)
        if group is None or at in told or _is_undone(found, node) or _is_shift(found, node, group):
            continue
        told.add(at)
        yield _finding(node, before, after)


def recut(before: Sequence[int], after: Sequence[int]) -> tuple[list[int], list[int]] | None:
    """The sizes that change places between two shapes of the same elements; None where axes are split or merged only.

    Both shapes are cut where as many elements lie before: within a piece that has several axes on both sides, order in
    memory is not that of either's axes.
    """
    for old, new in _pieces([size for size in before if size != 1], [size for size in after if size != 1]):
        if len(old) > 1 and len(new) > 1 and set(old) & set(new):
            return old, new
    return None


def _pieces(before: list[int], after: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    old: list[int] = []
    new: list[int] = []
    left, right = 1, 1
    rest, others = list(before), list(after)
    while rest or others:
        if left <= right and rest:
            old.append(rest.pop(0))
            left *= old[-1]
        elif others:
            new.append(others.pop(0))
            right *= new[-1]
        else:
            return
        if left == right:
            yield old, new
            old, new, left, right = [], [], 1, 1


def _is_undone(flow: "Flow", node: "Node") -> bool:
    """Whether all that is made of it swaps axes, at once or after another rearrangement: cut, then put in order."""
    users = flow.consumers(node.number)
    return bool(users) and all(user.name in _SWAPS or _is_swapped(flow, user) for user in users)


def _is_swapped(flow: "Flow", node: "Node") -> bool:
    users = flow.consumers(node.number) if node.name in _VIEWS | _SAME else []
    return bool(users) and all(user.name in _SWAPS for user in users)


def _is_shift(flow: "Flow", node: "Node", group: tuple[list[int], list[int]]) -> bool:
    """Rows made one longer by padding, then read as if they were not: each is shifted by one against the last."""
    padded = any(parent >= 0 and flow.nodes[parent].name in _PADS for parent in node.parents)
    return padded and len(group[0]) == 2 and abs(group[0][0] - group[0][1]) == 1


def _finding(node: "Node", before: list[int], after: list[int]) -> Finding:
    order = _order(before, after)
    told = finding(
        VIEW_AS_PERMUTE,
        "warning",
        node.path,
        f"{node.type} makes {shape(after)} of {shape(before)} without swapping axes: values of different places "
        "are mixed up",
        _evidence(before, after),
        f"write .permute({', '.join(map(str, order))})"
        if order
        else "split axes with view, then swap them with transpose, and merge them last",
        "where the order of the elements is arranged for before, or does not matter",
        node.source,
    )
    return replace(told, patch=_patch(node, order) if order else "")


def _evidence(before: list[int], after: list[int]) -> str:
    axis = next(place for place in reversed(range(len(after))) if after[place] != 1)
    place = [0] * len(after)
    place[axis] = 1
    offset = 1
    for size in after[axis + 1 :]:
        offset *= size
    index: list[int] = []
    for size in reversed(before):
        index.insert(0, offset % size)
        offset //= size
    length = after[axis]
    return (
        f"element [{', '.join(map(str, place))}] of the result is element [{', '.join(map(str, index))}] of what was "
        f"given: the {length} values of its last axis are neighbours there"
    )


def _order(before: list[int], after: list[int]) -> list[int] | None:
    """The permutation that makes one shape of the other, where there is just one."""
    if sorted(before) != sorted(after) or len(set(before)) < len(before):
        return None
    return [before.index(size) for size in after]


def _patch(node: "Node", order: list[int]) -> str:
    assert node.source is not None
    calls = calls_on_line(node.source, node.name)
    if len(calls) != 1 or not isinstance(calls[0].func, ast.Attribute):
        return ""
    of_torch = isinstance(calls[0].func.value, ast.Name) and calls[0].func.value.id == "torch"
    given = calls[0].args[0] if of_torch and calls[0].args else calls[0].func.value
    permuted = f"{ast.unparse(given)}.permute({', '.join(map(str, order))}).contiguous()"
    return patch(Edit(node.source.file, calls[0], permuted))
