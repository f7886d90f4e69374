"""What to say where several tensors of a file fit a place of the model equally well."""

from collections.abc import Iterable, Sequence

from inspector.files.matching.records import Ambiguity
from inspector.files.matching.tree import Leaf, Node, Trait

_FEW = 4


def ambiguities(file: Sequence[Node], model: Sequence[Node], why: str) -> list[Ambiguity]:
    """For each kind of tensor below the modules `model`, those below `file` that would do."""
    by_trait: dict[Trait, tuple[list[Leaf], list[Leaf]]] = {}
    for side, nodes in enumerate((file, model)):
        for node in nodes:
            for leaf in node.all_leaves():
                by_trait.setdefault(leaf.trait, ([], []))[side].append(leaf)
    return [ambiguity(leaves, of_model, why) for leaves, of_model in by_trait.values() if leaves and of_model]


def leftovers(file: Node, model: Node) -> list[Ambiguity]:
    """Single tensors that are left on both sides, with the same role and shape, where these are few."""
    by_trait: dict[Trait, tuple[list[Leaf], list[Leaf]]] = {}
    for side, root in enumerate((file, model)):
        for leaf in root.all_leaves():
            if leaf.is_free and leaf.shape is not None:
                by_trait.setdefault(leaf.trait, ([], []))[side].append(leaf)
    return [
        ambiguity(leaves, of_model, "only its role and shape speak for it, so it is not taken")
        for leaves, of_model in by_trait.values()
        if 0 < len(leaves) <= _FEW and 0 < len(of_model) <= _FEW
    ]


def ambiguity(file: Iterable[Leaf], model: Iterable[Leaf], why: str) -> Ambiguity:
    """Tensors of the model that any of the file's could fill."""
    return Ambiguity(
        model=[key for leaf in model for key in leaf.keys],
        candidates=[key for leaf in file for key in leaf.keys],
        why=why,
    )
