"""Which part of the file is which part of the model, by the votes of keys that end alike.

Keys vote in groups: those that differ in indices only, such as a weight of every block of a transformer. A group of the
file looks for the groups of the model with the longest common end and shapes in common; what is in front of that end,
on both sides, gets a vote of each tensor.
"""

from collections import Counter
from dataclasses import dataclass, field

from inspector.files.matching.tree import Node, Trait, generic

Path = tuple[str, ...]
_EVERYWHERE = ("weight", "bias", "running_mean", "running_var", "weight#g", "weight#v", "weight#orig", "weight#u", "#")
"""Roles that many modules have, so that the module's name must speak too."""


@dataclass(slots=True)
class _Group:
    path: Path
    traits: Counter[Trait] = field(default_factory=Counter)


def votes(file: Node, model: Node) -> list[tuple[Path, Path, int]]:
    """(path in the file, path in the model, tensors) of unpaired leaves, most votes first; a path may hold "#"."""
    groups_of_model: dict[tuple[str, ...], list[_Group]] = {}
    for group in _groups(model):
        groups_of_model.setdefault(_end(group.path), []).append(group)
    counted: Counter[tuple[Path, Path]] = Counter()
    for group in _groups(file):
        best, ties = 0, []
        for other in groups_of_model.get(_end(group.path), ()):
            shared = sum(min(count, other.traits[trait]) for trait, count in group.traits.items())
            length = _common_end(group.path, other.path) if shared else 0
            if length > best:
                best, ties = length, [(other, shared)]
            elif length and length == best:
                ties.append((other, shared))
        if not _telling(group.path[len(group.path) - best :]):
            continue
        for other, shared in ties:
            front, front_of_model = group.path[: len(group.path) - best], other.path[: len(other.path) - best]
            counted[front, front_of_model] += shared
    ranked = sorted(counted.items(), key=lambda item: (-item[1], len(item[0][0]) + len(item[0][1])))
    return [(front, front_of_model, count) for (front, front_of_model), count in ranked]


def _groups(root: Node) -> list[_Group]:
    """Unpaired leaves by their path with indices left out; the role is the last part."""
    found: dict[Path, _Group] = {}
    waiting: list[tuple[Node, Path]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if not node.open:
            continue
        for leaf in node.leaves.values():
            if leaf.is_free:
                group = found.setdefault((*path, leaf.role), _Group((*path, leaf.role)))
                group.traits[leaf.trait] += 1
        waiting.extend((child, (*path, generic(child.token))) for child in reversed(node.children.values()))
    return list(found.values())


def _end(path: Path) -> tuple[str, ...]:
    return path[-1:] if path[-1] not in _EVERYWHERE else path[-2:]


def _common_end(one: Path, other: Path) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return length


def _telling(end: Path) -> bool:
    """Whether a common end says more than "some module's weight"; an index alone says nothing."""
    return bool(end) and (end[-1] not in _EVERYWHERE or any(name != "#" for name in end[:-1]))
