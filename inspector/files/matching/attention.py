"""Query, key and value kept as three layers or as one: both become one, so that their modules look alike.

The one has q, k and v below each other, as ``torch.nn.MultiheadAttention`` and GPT-2 do. Megatron's
``query_key_value`` interleaves them by head, which no shape tells, so it is left alone.
"""

from collections.abc import Sequence

from inspector.files.matching.records import Entry, Shape
from inspector.files.matching.tree import Leaf, Node

_FUSED = ("qkv", "in_proj", "c_attn", "Wqkv", "to_qkv", "qkv_proj", "in_proj_linear")
TRIOS = (
    ("q", "k", "v"),
    ("q_proj", "k_proj", "v_proj"),
    ("query", "key", "value"),
    ("to_q", "to_k", "to_v"),
    ("wq", "wk", "wv"),
    ("q_lin", "k_lin", "v_lin"),
    ("linear_q", "linear_k", "linear_v"),
    ("query_proj", "key_proj", "value_proj"),
)
_TOGETHER = "qkv"


def unite(file: Node, model: Node) -> None:
    """Where attention is kept in more than one of three ways (apart, one layer, one parameter), make it one layer."""
    nodes = [*file.nodes(), *model.nodes()]
    ways = {
        "apart": any(_trio(node) for node in nodes),
        "layer": any(_fused_children(node) for node in nodes),
        "parameter": any("in_proj_weight" in node.leaves for node in nodes),
    }
    if sum(ways.values()) < 2:
        return
    for node in nodes:
        _unite_children(node)
        _unite_leaves(node)


def _fused_children(node: Node) -> list[Node]:
    return [child for name, child in node.children.items() if name in _FUSED and "weight" in child.leaves]


def _trio(node: Node) -> list[str]:
    """The names of the children, or of the leaves, that are its query, key and value."""
    for names in TRIOS:
        children = [node.children[name] for name in names if name in node.children]
        if len(children) == 3 and all("weight" in child.leaves and not child.children for child in children):
            return list(names)
    separate = [f"{name}_proj_weight" for name in "qkv"]
    return separate if all(name in node.leaves for name in separate) else []


def _unite_children(node: Node) -> None:
    if _TOGETHER not in node.children:
        for fused in _fused_children(node)[:1]:
            _replace(node, [fused.token], dict(fused.leaves))
            return
    names = _trio(node)
    if _TOGETHER in node.children or not names or names[0] not in node.children:
        return
    children = [node.children[name] for name in names]
    roles = list(children[0].leaves)
    if any(list(child.leaves) != roles for child in children):
        return
    united: dict[str, Leaf] = {}
    for role in roles:
        leaf = _together(role, [child.leaves[role] for child in children], node)
        if leaf is None:
            return
        united[role] = leaf
    _replace(node, names, united)


def _unite_leaves(node: Node) -> None:
    if _TOGETHER in node.children:
        return
    moved: dict[str, Leaf] = {}
    separate = [node.leaves.get(f"{name}_proj_weight") for name in "qkv"]
    if "in_proj_weight" in node.leaves:
        moved["weight"] = node.leaves.pop("in_proj_weight")
    elif leaf := _together("weight", [one for one in separate if one], node):
        moved["weight"] = leaf
        for name in "qkv":
            del node.leaves[f"{name}_proj_weight"]
    if moved and "in_proj_bias" in node.leaves:
        moved["bias"] = node.leaves.pop("in_proj_bias")
    if moved:
        child = node.children[_TOGETHER] = Node(_TOGETHER, node)
        _adopt(child, moved)


def _together(role: str, leaves: Sequence[Leaf], node: Node) -> Leaf | None:
    shapes = [leaf.shape for leaf in leaves]
    if len(leaves) != 3 or any(not shape for shape in shapes):
        return None
    known: list[Shape] = [shape for shape in shapes if shape]
    if len({shape[1:] for shape in known}) != 1:
        return None
    entries: tuple[Entry, ...] = tuple(entry for leaf in leaves for entry in leaf.entries)
    return Leaf(role, entries, (sum(shape[0] for shape in known), *known[0][1:]), node)


def _replace(node: Node, names: list[str], leaves: dict[str, Leaf]) -> None:
    """Put one child in the place of several, keeping the order."""
    child = Node(_TOGETHER, node)
    _adopt(child, leaves)
    before = list(node.children.items())
    node.children.clear()
    for name, old in before:
        if name == names[0]:
            node.children[_TOGETHER] = child
        elif name not in names:
            node.children[name] = old


def _adopt(child: Node, leaves: dict[str, Leaf]) -> None:
    for role, leaf in leaves.items():
        leaf.role, leaf.node = role, child
        child.leaves[role] = leaf
