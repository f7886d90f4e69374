"""Which modules nodes came from, as far as a file tells.

In this order: what torch's exporter writes into a node's metadata; a node's name, where it has slashes; and where no
node has either, the names of the weights that it reads: ``layer1.0.conv1.weight`` is the weight of
``layer1.0.conv1``. Nodes that say nothing themselves go where they are read, if they work on weights alone and right
before, else into the scopes that the nodes right before and after them have in common: what runs in the middle of a
module is of it. Where a file begins with all its weights as Constant nodes, they stand together.
"""

import ast
import re
from collections.abc import Collection, Sequence
from itertools import groupby

from onnx import NodeProto

from inspector.engine.onnx_model.constants import is_weight
from inspector.engine.onnx_model.places import Scope, Within

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"
"""What that exporter writes for the sizes of inputs, which no module asks for."""
_ATTRIBUTE = re.compile(r"[^\W\d]\w*(\.\w+)+")
_LONG_RUN = 8
Scopes = tuple[Scope, ...]


def scopes_of(nodes: Sequence[NodeProto], within: Within, tensors: Collection[str]) -> list[Scopes]:
    """The scopes of each node, from the outermost to the innermost; `tensors` are the initializers' names."""
    tensors = {*tensors, *(node.output[0] for node in nodes if node.output and is_weight(node))}
    held = _tensors_behind(nodes, tensors)
    told = [_told(node, within) for node in nodes]
    if all(scopes is None for scopes in told):
        told = [_of_tensors(node, within, held, tensors) for node in nodes]
    return _constants_together(nodes, _settled(nodes, told, held), within)


def _told(node: NodeProto, within: Within) -> Scopes | None:
    recorded = recorded_scopes(node, within)
    return _named(node, within) if recorded is None else recorded


def recorded_scopes(node: NodeProto, within: Within) -> Scopes | None:
    """Module paths and classes in the metadata of torch's exporter; the last entry is the call itself."""
    paths, classes = _listed(node, _SCOPES), _listed(node, _CLASSES)
    if paths is None or len(paths) != len(classes or []):
        return None
    pairs = zip(paths[:-1], (classes or [])[:-1], strict=True)
    return tuple(
        Scope(within.path(str(path)), str(path).rpartition(".")[2], str(kind).rpartition(".")[2])
        for path, kind in pairs
        if path and path != _NO_MODULE
    )


def returned_name(node: NodeProto) -> str:
    """The name that torch's exporter gave to what the function behind a node returned; "" where it told none."""
    return str((_listed(node, _SCOPES) or [""])[-1])


def _listed(node: NodeProto, key: str) -> list[object] | None:
    """A list in a node's metadata; None where there is none."""
    text = next((entry.value for entry in node.metadata_props if entry.key == key), None)
    try:
        return None if text is None else list(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _named(node: NodeProto, within: Within) -> Scopes | None:
    if "/" not in node.name:
        return None
    lead = "/" if node.name.startswith("/") else ""
    parts = [part for part in node.name.split("/") if part]
    return tuple(
        Scope(within.path(lead + "/".join(parts[:count])), parts[count - 1], "scope") for count in range(1, len(parts))
    )


def _of_tensors(node: NodeProto, within: Within, held: dict[str, list[str]], tensors: Collection[str]) -> Scopes | None:
    """The scopes that the names of the node's weights have in common; of those it reads itself, where it does.

    What works on weights alone may pass a weight on to another module: exporters write equal weights once.
    """
    if any(name in held for name in node.output):
        return None
    own = [name for name in node.input if name in tensors]
    behind = [one for name in node.input for one in held.get(name, [])]
    paths = _modules(own) or _modules(behind)
    if not paths:
        return None
    common = paths[0]
    for path in paths[1:]:
        common = [part for part, other in zip(common, path, strict=False) if part == other]
    return tuple(
        Scope(within.path(".".join(common[:count])), common[count - 1], "prefix") for count in range(1, len(common) + 1)
    )


def _modules(names: list[str]) -> list[list[str]]:
    return [name.split(".")[:-1] for name in names if _ATTRIBUTE.fullmatch(name)]


def _tensors_behind(nodes: Sequence[NodeProto], tensors: Collection[str]) -> dict[str, list[str]]:
    """The initializers behind each value that follows from them alone."""
    behind: dict[str, list[str]] = {}
    for node in nodes:
        if all(not name or name in tensors or name in behind for name in node.input):
            found = [one for name in node.input for one in ([name] if name in tensors else behind.get(name, []))]
            behind.update((name, found[:8]) for name in node.output if name)
    return behind


def _settled(nodes: Sequence[NodeProto], told: list[Scopes | None], held: dict[str, list[str]]) -> list[Scopes]:
    first_reader: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for name in node.input:
            first_reader.setdefault(name, position)
    settled = list(told)
    following: Scopes = ()
    after: list[Scopes] = []
    for scopes in reversed(told):
        following = following if scopes is None else scopes
        after.append(following)
    before: Scopes = ()
    for position, (scopes, behind) in enumerate(zip(told, reversed(after), strict=True)):
        before = before if scopes is None else scopes
        if scopes is None:
            settled[position] = _common(before, behind)
    for position in reversed(range(len(nodes))):
        output = nodes[position].output[0] if nodes[position].output else ""
        reader = first_reader.get(output) if told[position] is None and output in held else None
        if reader is not None and _leads_into(settled[position + 1], settled[reader]):
            settled[position] = settled[reader]
    return [scopes or () for scopes in settled]


def _constants_together(nodes: Sequence[NodeProto], settled: list[Scopes], within: Within) -> list[Scopes]:
    """Long runs of constants outside all modules in a scope of their own: some files begin with all their weights."""
    together = (Scope(within.path("constants"), "constants", "scope"),)
    kept = list(settled)
    for constant, run in groupby(range(len(nodes)), lambda at: nodes[at].op_type == "Constant" and not settled[at]):
        positions = list(run)
        if constant and len(positions) >= _LONG_RUN:
            kept[positions[0] : positions[-1] + 1] = [together] * len(positions)
    return kept


def _leads_into(following: Scopes | None, scopes: Scopes | None) -> bool:
    """Whether what comes next is in these scopes: a weight renamed far before its module is no call of that module."""
    return (following or ())[: len(scopes or ())] == (scopes or ())


def _common(first: Scopes, second: Scopes) -> Scopes:
    shared = [one for one, other in zip(first, second, strict=False) if one == other]
    return tuple(shared)
