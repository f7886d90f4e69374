"""Weight norm in the file and a plain weight in the model: g · v / ‖v‖ is the weight, but does not give them back."""

from collections.abc import Iterable

from inspector.files.matching.records import Change
from inspector.files.matching.transferring import Fit
from inspector.files.matching.tree import Leaf, Node


def folds(pairs: Iterable[tuple[Node, Node]]) -> list[tuple[Leaf, list[Leaf], Fit]]:
    """For each unpaired tensor of the model, of pairs of modules, the g and v that make it."""
    found: dict[str, tuple[Leaf, list[Leaf], Fit]] = {}
    for x, y in pairs:
        for role, leaf in y.leaves.items():
            g, v = x.leaves.get(f"{role}#g"), x.leaves.get(f"{role}#v")
            if leaf.partner or g is None or v is None or g.partner or v.partner or v.shape != leaf.shape:
                continue
            long = [axis for axis, size in enumerate(g.shape or ()) if size > 1]
            change = Change(op="weight_norm", axis=long[0] if len(long) == 1 else None)
            sources = (*g.entries, *v.entries)
            fit = Fit(leaf.entries[0], sources, ("weight_norm_fold",), (change,))
            found.setdefault(leaf.entries[0].key, (leaf, [g, v], fit))
    return list(found.values())
