"""Tensors that both sides have under one name."""

from collections.abc import Sequence

from inspector.files.matching.tree import Leaf, Node


def namesakes(file: Node, model: Node) -> list[tuple[Leaf, Leaf]]:
    """(file's, model's) of the unpaired tensors at the same place below two modules, with the same shape."""
    found: list[tuple[Leaf, Leaf]] = []
    waiting = [(file, model)]
    while waiting:
        x, y = waiting.pop()
        for role, leaf in x.leaves.items():
            other = y.leaves.get(role)
            if other is not None and not leaf.partner and not other.partner and _same_shape(leaf, other):
                found.append((leaf, other))
        waiting += [(child, y.children[name]) for name, child in x.children.items() if name in y.children]
    return found


def names_say_all(file: Node, model: Node, pairs: Sequence[tuple[Leaf, Leaf]]) -> bool:
    """Whether one side has nothing else than namesakes of the other, so that nothing speaks for a renaming."""
    return bool(pairs) and sum(not leaf.benign for leaf, _ in pairs) in (file.size, model.size)


def _same_shape(leaf: Leaf, other: Leaf) -> bool:
    return leaf.shape is None or other.shape is None or leaf.shape == other.shape
