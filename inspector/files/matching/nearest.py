"""How a file's model differs from the one at hand: blocks more or fewer, another width."""

from collections import Counter
from collections.abc import Iterable

from inspector.files.matching.likeness import families
from inspector.files.matching.tree import Leaf, Node


def nearest(pairs: Iterable[tuple[Node, Node]], clashes: Iterable[tuple[Leaf, Leaf]]) -> str:
    """A clause such as "deeper by 2 blocks in layers, width 256 instead of 416"; empty where nothing is near."""
    told = []
    for x, y in pairs:
        theirs, mine = families(x.children.values()), families(y.children.values())
        for stem, members in theirs.items():
            difference = len(members) - len(mine.get(stem, members))
            if difference and all(member.children for member in (*members, *mine[stem])):
                name = ".".join(x.path) or stem.rstrip("#") or "the top"
                word = "deeper" if difference > 0 else "shallower"
                blocks = "block" if abs(difference) == 1 else "blocks"
                told.append(f"{word} by {abs(difference)} {blocks} in {name}")
    widths: Counter[tuple[int, int]] = Counter()
    for leaf, other in clashes:
        sizes, sizes_of_model = other.shape or (), leaf.shape or ()
        if len(sizes) == len(sizes_of_model):
            channels = zip(sizes[:2], sizes_of_model[:2], strict=True)
            widths.update({(a, b) for a, b in channels if a != b and min(a, b) > 1})
    for (size, size_of_model), count in widths.most_common(1):
        if count > 1:
            told.append(f"width {size} instead of {size_of_model}")
    return ", ".join(dict.fromkeys(told[:3] + told[-1:]))
