"""Parts whose size is a choice (classes, input channels, positions, vocabulary): load the rest, initialise these."""

from collections.abc import Iterable, Sequence

from inspector.files.matching.records import Entry, Partial
from inspector.files.matching.tree import Leaf

_VOCABULARY = ("embed", "wte", "word", "vocab", "tok", "lm_head", "decoder", "shared")
_HEADS = ("fc", "head", "classifier", "logits", "cls", "score", "output", "predictions", "linear")


def partial(clashes: Iterable[tuple[Leaf, Leaf]], model: Sequence[Entry]) -> list[Partial]:
    """For each module whose tensors differ in one size only, what it is, by the pairs (model's, file's)."""
    first_kernel = next((entry.key for entry in model if len(entry.shape or ()) > 2 and "pos" not in entry.key), None)
    matrices = [entry.key for entry in model if len(entry.shape or ()) == 2]
    last_matrix = matrices[-1] if matrices else None
    by_module: dict[str, list[tuple[Leaf, Leaf]]] = {}
    for leaf, other in clashes:
        by_module.setdefault(leaf.entries[0].key.rpartition(".")[0], []).append((leaf, other))
    found = []
    for module, pairs in by_module.items():
        main = max(pairs, key=lambda pair: len(pair[0].shape or ()))
        kind = _kind(*main, first_kernel, last_matrix)
        if not kind:
            continue
        theirs, mine = _sizes(*main)
        name = module or main[0].entries[0].key
        found.append(
            Partial(
                kind=kind,
                keys=[key for leaf, _ in pairs for key in leaf.keys],
                sources=[key for _, other in pairs for key in other.keys],
                elements=sum(elements(entry) for leaf, _ in pairs for entry in leaf.entries),
                message=f"{name}: the {kind} is {theirs} in the file and {mine} in the model; "
                "load the rest and initialise it",
            )
        )
    return found


def elements(entry: Entry) -> int:
    """How many numbers a tensor holds; 0 where its shape is not known."""
    if entry.shape is None:
        return 0
    count = 1
    for size in entry.shape:
        count *= size
    return count


def _kind(leaf: Leaf, other: Leaf, first_kernel: str | None, last_matrix: str | None) -> str:
    mine, theirs = leaf.shape or (), other.shape or ()
    key = leaf.entries[0].key
    name = key.lower()
    axes = [axis for axis, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b]
    if len(mine) != len(theirs) or len(axes) != 1:
        return ""
    if "pos" in name and axes[0] < len(mine) - 1:  # of the last axis it is the model's width
        return "position table"
    if len(mine) > 2:
        return "input channels" if axes == [1] and key == first_kernel else _head(name, axes, key == last_matrix)
    if axes != [0]:
        return ""
    if leaf.entries[0].module_type == "Embedding" or any(word in name for word in _VOCABULARY):
        return "vocabulary"
    return _head(name, axes, key == last_matrix)


def _head(name: str, axes: list[int], last: bool) -> str:
    return "class head" if axes == [0] and (last or any(word in name for word in _HEADS)) else ""


def _sizes(leaf: Leaf, other: Leaf) -> tuple[int, int]:
    pairs = zip(other.shape or (), leaf.shape or (), strict=True)
    return next((a, b) for a, b in pairs if a != b)
