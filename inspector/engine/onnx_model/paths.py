"""A path of its own for every node.

ONNX demands neither node names nor that they differ; nodes without a name are named by operator and position.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from onnx import NodeProto

from inspector.engine.onnx_model.hierarchy import recorded_scopes, scopes_of
from inspector.engine.onnx_model.places import Node, Within


def placed(protos: Sequence[NodeProto], within: Within, taken: set[str], tensors: Collection[str] = ()) -> list[Node]:
    """The nodes with paths that no other has; `taken` grows by theirs and by their scopes'.

    `tensors` are the names of the initializers, by which nodes without names are grouped.
    """
    scopes = scopes_of(protos, within, tensors)
    paths = [_path(proto, position, within) for position, proto in enumerate(protos)]
    times = Counter(paths)
    taken.update(scope.path for around in scopes for scope in around)
    nodes = []
    for index, (proto, around, path) in enumerate(zip(protos, scopes, paths, strict=True)):
        while path in taken or times[path] > 1:
            path = f"{path}#{index}"
        taken.add(path)
        expression = f"{within.expression}.node[{index}]"
        nodes.append(Node(index, path, path.rpartition("/")[2], (*within.scopes, *around), proto, expression))
    return nodes


def _path(node: NodeProto, position: int, within: Within) -> str:
    name = node.name or f"{node.op_type}_{position}"
    recorded = recorded_scopes(node, within)
    return f"{recorded[-1].path}/{name}" if recorded else within.path(name)
