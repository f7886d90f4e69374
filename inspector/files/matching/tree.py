"""The keys of one side as a tree of modules, in the form in which two trees can be held against each other.

A wrapper (DataParallel, torch.compile, FSDP) is the only child of a module that has no tensors of its own, so it is
folded into that module; a real submodule of that name is folded on both sides alike or, with siblings, stays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inspector.core.wrapper_tokens import WRAPPER_TOKENS
from inspector.files.matching.layouts import loose
from inspector.files.matching.leaf_names import benign, roles, split
from inspector.files.matching.records import Entry, Shape

Trait = tuple[str, tuple[int, ...] | None]
"""Role and loose shape of a leaf."""
WRAPPERS = tuple(WRAPPER_TOKENS)
"""Attributes in which a wrapper around a module keeps it."""
_LONGEST_NUMBER = 10
_NUMBER = re.compile(r"(.*?)(\d+)$")


@dataclass(slots=True, eq=False)
class Leaf:
    """A tensor in its module, or several (q, k and v) that another framework keeps as one."""

    role: str
    entries: tuple[Entry, ...]
    shape: Shape | None
    node: "Node"
    benign: str = ""
    partner: "Leaf | None" = None

    @property
    def trait(self) -> Trait:
        """What is compared where names differ."""
        return self.role, loose(self.shape)

    @property
    def is_free(self) -> bool:
        """Whether it matters and has no partner yet."""
        return self.partner is None and not self.benign

    @property
    def keys(self) -> list[str]:
        """The keys of its tensors."""
        return [entry.key for entry in self.entries]


@dataclass(slots=True, eq=False)
class Node:
    """A module: its tensors by role, its children by name."""

    token: str
    parent: "Node | None" = None
    leaves: dict[str, Leaf] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)
    size: int = 0
    """Leaves at and below it that matter."""
    open: int = 0
    """Of these, those without a partner yet."""
    form: int = 0
    """Equal for subtrees of the same structure, roles and loose shapes, whatever the modules are called; a module that
    only holds another has that one's."""
    _bag: Counter[tuple[str, Trait]] | None = None

    @property
    def untouched(self) -> bool:
        """Whether it has leaves that matter and none of them has a partner."""
        return 0 < self.open == self.size

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it, without wrappers."""
        names: list[str] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            names.append(node.token)
            node = node.parent
        return tuple(reversed(names))

    def at(self, path: Sequence[str]) -> "Node | None":
        """The node below this one at a path of names."""
        node: Node | None = self
        for name in path:
            node = node.children.get(name) if node is not None else None
        return node

    def nodes(self) -> Iterator["Node"]:
        """This node and all below it, parents first."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children.values()))

    def all_leaves(self) -> Iterator[Leaf]:
        """Every leaf at and below this node, in order."""
        for node in self.nodes():
            yield from node.leaves.values()

    def bag(self) -> Counter[tuple[str, Trait]]:
        """The leaves below by relative path, indices left out, and trait: what survives an index shift."""
        if self._bag is None:
            bag = Counter(("", leaf.trait) for leaf in self.leaves.values() if not leaf.benign)
            for child in self.children.values():
                name = generic(child.token)
                for (path, trait), count in child.bag().items():
                    bag[f"{name}.{path}", trait] += count
            self._bag = bag
        return self._bag


def generic(token: str) -> str:
    """A name as it is compared across index shifts."""
    return "#" if is_index(token) else token


def is_index(token: str) -> bool:
    """Whether a name is a place in a sequence."""
    return token.isdecimal() and len(token) < _LONGEST_NUMBER


def numbered(token: str) -> tuple[str, int | None]:
    """A name's stem and the number at its end: ("layer", 3) of layer3, ("", 3) of 3."""
    found = _NUMBER.match(token)
    return (found[1], int(found[2])) if found and len(found[2]) < _LONGEST_NUMBER else (token, None)


def build(entries: Iterable[Entry]) -> Node:
    """The tree of one side, without its wrappers; `seal` completes it."""
    root = Node("")
    by_module: dict[tuple[str, ...], dict[str, Entry]] = {}
    for entry in entries:
        path, name = split(tuple(entry.key.split(".")))
        by_module.setdefault(path, {})[name] = entry
    for path, named in by_module.items():
        node = root
        for token in path:
            child = node.children.get(token)
            if child is None:
                child = node.children[token] = Node(token, node)
            node = child
        role_of = roles(named)
        for name, entry in named.items():
            reason = benign(name, entry.shape) or ("" if entry.persistent else "is not kept in state_dicts")
            node.leaves[role_of[name]] = Leaf(role_of[name], (entry,), entry.shape, node, reason)
    for node in list(root.nodes()):
        _fold_wrappers(node)
    return root


def _fold_wrappers(node: Node) -> None:
    while len(node.children) == 1 and not node.leaves:
        (child,) = node.children.values()
        if child.token not in WRAPPERS:
            return
        node.leaves, node.children = child.leaves, child.children
        for leaf in node.leaves.values():
            leaf.node = node
        for below in node.children.values():
            below.parent = node


def seal(root: Node, forms: dict[object, int]) -> None:
    """Work out sizes and forms, from the leaves up; `forms` is shared by the trees that are compared."""
    for node in reversed(list(root.nodes())):
        own = [leaf.trait for leaf in node.leaves.values() if not leaf.benign]
        below = [child for child in node.children.values() if child.size]
        node.size = node.open = len(own) + sum(child.size for child in below)
        if not own and len(below) == 1:
            node.form = below[0].form
            continue
        structure = (tuple(sorted(own, key=repr)), tuple(sorted(child.form for child in below)))
        node.form = forms.setdefault(structure, len(forms))
