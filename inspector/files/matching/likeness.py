"""How alike two modules are, and in which order those that look the same stand."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from inspector.files.matching.attention import TRIOS
from inspector.files.matching.tree import Node, generic, numbered

_SMALL = 256
_MEANING = {
    **{name: "qkv"[at] for names in TRIOS for at, name in enumerate(names)},
    **dict.fromkeys(("out_proj", "o_proj", "to_out", "wo", "out_lin", "linear_out", "output_proj"), "out"),
}


def likeness(one: Node, other: Node) -> float:
    """1 for the same form; else less than 1, the share of leaves with the same path, role and sizes."""
    if one.form == other.form:
        return 1.0
    if not one.size or not other.size or 10 * min(one.size, other.size) < max(one.size, other.size):
        return 0.0
    mine, others = one.bag(), other.bag()
    shared = sum(min(count, others[item]) for item, count in mine.items())
    return 0.99 * shared / max(one.size, other.size)


def strong(node: Node) -> bool:
    """Whether a form says enough to go by: never one small tensor alone."""
    if node.size > 1:
        return True
    for leaf in node.all_leaves():
        if not leaf.benign:
            elements = 1
            for size in leaf.shape or ():
                elements *= size
            return elements >= _SMALL and sum(size > 1 for size in leaf.shape or ()) > 1
    return False


def is_reshaped_alone(one: Node, other: Node) -> bool:
    """Whether both are a single tensor of other names, and not even of the same shape without a change of layout."""
    if one.size != 1 or other.size != 1 or one.token == other.token:
        return False
    shapes = [leaf.shape for node in (one, other) for leaf in node.all_leaves() if not leaf.benign]
    return len(set(shapes)) > 1


def shared_with_free(child: Node, other: Node) -> int:
    """How many leaves of `child` could be those directly below `other` that are not paired, by names or by form."""
    bag = Counter(("", leaf.trait) for leaf in other.leaves.values() if leaf.is_free)
    forms: Counter[int] = Counter()
    for node in other.children.values():
        if node.untouched:
            forms[node.form] += 1
            name = generic(node.token)
            for (path, trait), count in node.bag().items():
                bag[f"{name}.{path}", trait] += count
    by_name = sum(min(count, bag[item]) for item, count in child.bag().items())
    mine = Counter(node.form for node in child.children.values())
    sizes = {node.form: node.size for node in child.children.values() if strong(node)}
    by_form = sum(min(count, forms[form]) * sizes.get(form, 0) for form, count in mine.items())
    return max(by_name, by_form)


def families(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Modules by their name's stem, in the order of the number behind it; others alone by their name."""
    found: dict[str, list[tuple[int, Node]]] = {}
    for node in nodes:
        stem, number = numbered(node.token)
        found.setdefault(stem if number is None else f"{stem}#", []).append((number or 0, node))
    return {stem: [node for _, node in sorted(members, key=lambda m: m[0])] for stem, members in found.items()}


def order(nodes: Sequence[Node]) -> list[Node]:
    """Numbered ones by number, others as they come."""
    return sorted(nodes, key=lambda node: numbered(node.token)[1] or 0)


def same_meaning(file: Sequence[Node], model: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Pairs of names that mean the same thing in attention, each once on its side."""
    for y in model:
        meaning = _MEANING.get(y.token)
        same_in_model = [node for node in model if _MEANING.get(node.token) == meaning]
        same_in_file = [node for node in file if _MEANING.get(node.token) == meaning]
        if meaning and len(same_in_model) == len(same_in_file) == 1:
            yield same_in_file[0], y
