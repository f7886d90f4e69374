"""What an initializer's name says, part by part, and what the nodes that read it use it for."""

import difflib
import re

from inspector.core.errors import RequestError
from inspector.core.results import KeyExplanation, KeyPart
from inspector.core.table import Tensor
from inspector.engine.onnx_model.graph import Graph, find_tensor
from inspector.engine.onnx_model.roles import role_of

_WRAPPERS = {
    "module": "DataParallel and DistributedDataParallel keep the real model in their attribute `module`",
    "_orig_mod": "torch.compile keeps the real model in its attribute `_orig_mod`",
}
_NUMBERED = re.compile(r"(onnx::)?(?P<operator>[A-Z]\w*?)_\d+$")


def explain_keys(graph: Graph, tensors: list[Tensor], keys: list[str]) -> list[KeyExplanation]:
    """Explain these keys, or all of them where `keys` is empty.

    Raises RequestError with the closest keys where one is unknown.
    """
    known = {tensor.key: tensor for tensor in tensors}
    for key in keys:
        if key not in known:
            close = difflib.get_close_matches(key, list(known), n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(close)}?" if close else "`nninspect keys` without a key lists them"
            raise RequestError(f"{key!r} is no initializer or constant of this model; {hint}")
    return [
        KeyExplanation(key=key, expression=known[key].expression, parts=_parts(graph, known[key]))
        for key in (keys or known)
    ]


def _parts(graph: Graph, tensor: Tensor) -> list[KeyPart]:
    holder, name = find_tensor(graph, tensor.key)
    readers = holder.readers.get(name, [])
    uses = [role_of(holder, node, slot, tensor) for node, slot in readers[:3]]
    more = f"; and {len(readers) - 3} more nodes" if len(readers) > 3 else ""
    use = "; ".join(uses) + more if uses else "read by no node"
    reader_type = readers[0][0].operator if readers else None
    around = f"the graph in the attribute of a node that holds it: {holder.path}"
    inside = [KeyPart(text=holder.path, kind="name", module_type=None, explanation=around)] if holder.path else []
    if name in holder.constants:
        said = f"output of the Constant node {holder.constants[name].path}: {use}"
        return [*inside, KeyPart(text=name, kind=tensor.kind, module_type=reader_type, explanation=said)]
    pieces = name.split(".")
    if len(pieces) == 1 or "" in pieces:
        said = _without_parts(name) + use
        return [*inside, KeyPart(text=name, kind=tensor.kind, module_type=reader_type, explanation=said)]
    lead = [_lead(piece, ".".join(pieces[:at])) for at, piece in enumerate(pieces[:-1])]
    last = KeyPart(text=pieces[-1], kind=tensor.kind, module_type=reader_type, explanation=use)
    return [*inside, *lead, last]


def _lead(piece: str, before: str) -> KeyPart:
    if piece in _WRAPPERS and (before == "" or piece.startswith("_")):
        return KeyPart(text=piece, kind="wrapper", module_type=None, explanation=_WRAPPERS[piece])
    place = f"of {before}" if before else "of the model that was exported"
    if piece.isdigit():
        said = f"position {piece} in a list of modules, {place}"
        return KeyPart(text=piece, kind="index", module_type=None, explanation=said)
    said = f"attribute `{piece}` {place}, as the exporter wrote the name; ONNX itself has no modules"
    return KeyPart(text=piece, kind="attribute", module_type=None, explanation=said)


def _without_parts(key: str) -> str:
    found = _NUMBERED.fullmatch(key)
    if found:
        return (
            f"named by the exporter, for {found['operator']}: the values were worked out at export (a weight fused "
            "with its normalisation, or transposed), so no attribute of the model has this name; "
        )
    return ""
