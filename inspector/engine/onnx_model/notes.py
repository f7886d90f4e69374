"""What is worth saying of a file before anything is worked out: who made it, and what in it is out of the ordinary."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from inspector.core.table import Note
from inspector.core.wording import things
from inspector.engine.onnx_model.functions import MOST_INLINED
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import external_file, span_of
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.skeleton import newest

_RUNNABLE = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"}
_RUNTIME = "com.microsoft"
"""What the domains of onnxruntime's own operators begin with."""
_MOST_NAMED = 3


def notes_of(graph: Graph) -> list[Note]:
    """The notes about a file."""
    nodes = [(one, node) for one in graph.walk() for node in one.nodes]
    return [
        _origin(graph),
        *_newer(graph),
        *_groups(nodes),
        *_functions(graph),
        *_domains(graph, nodes),
        *_training(graph, nodes),
        *_data(graph),
    ]


def _origin(graph: Graph) -> Note:
    model = graph.model
    names = [f"{entry.domain + ' ' if entry.domain else ''}opset {entry.version}" for entry in model.opset_import]
    maker = " ".join(part for part in (model.producer_name, model.producer_version) if part)
    made = f", made by {maker}" if maker else ""
    return Note(code="onnx", message=f"{', '.join(names)}, IR version {model.ir_version}{made}")


def _newer(graph: Graph) -> Iterator[Note]:
    model, known = graph.model, f"onnx {onnx.__version__}"
    if model.ir_version > onnx.IR_VERSION:
        text = f"IR version {model.ir_version} is newer than {known} knows ({onnx.IR_VERSION}); update onnx"
        yield Note(code="onnx-newer", message=f"{text}: what is new in it is not shown")
    for entry in model.opset_import:
        if entry.version > newest(entry.domain):
            text = f"opset {entry.version} is newer than {known} knows ({newest(entry.domain)}); update onnx"
            yield Note(code="onnx-newer", message=f"{text}: shapes are those of the older operators")


def _groups(nodes: list[tuple[Graph, Node]]) -> Iterator[Note]:
    if any(scope.type == "prefix" for _, node in nodes for scope in node.scopes):
        text = "the nodes do not say which module they came from; groups are the prefixes of the weights that they read"
        yield Note(code="onnx-groups", message=text)


def _functions(graph: Graph) -> Iterator[Note]:
    left = graph.functions.left
    if left:
        text = (
            f"{things(len(left), 'call')} of the model's functions ({_named(left)}) are shown as single nodes: no more "
            f"than {MOST_INLINED:,} nodes inside calls are shown, and none of functions for other operator versions"
        )
        yield Note(code="onnx-functions", message=text)


def _domains(graph: Graph, nodes: list[tuple[Graph, Node]]) -> Iterator[Note]:
    foreign: dict[str, list[Node]] = {}
    for _, node in nodes:
        domain = node.proto.domain
        if domain not in _RUNNABLE and not domain.startswith(_RUNTIME) and not graph.functions.has(node.proto):
            foreign.setdefault(domain, []).append(node)
    for domain, found in foreign.items():
        text = (
            f"{things(len(found), 'node')} of the domain {domain} ({_named(found)}) cannot be run: neither ONNX nor "
            "onnxruntime defines these operators, so what they make has no known shape"
        )
        yield Note(code="onnx-domain", message=text)


def _training(graph: Graph, nodes: list[tuple[Graph, Node]]) -> Iterator[Note]:
    read = {name for one in graph.walk() for name in one.readers}
    read |= {value.name for one in graph.walk() for value in one.outputs}
    unread = [one.key(n) for one in graph.walk() for n in one.initializers if n not in read and n not in one.borrowed]
    if unread:
        verb = "is" if len(unread) == 1 else "are"
        text = f"{things(len(unread), 'initializer')} ({_listed(unread)}) {verb} read by no node"
        yield Note(code="onnx-unused", message=text)
    if graph.model.training_info:
        text = f"the file also holds {things(len(graph.model.training_info), 'training graph')}, not shown"
        yield Note(code="onnx-training", message=text)
    training = [node for one, node in nodes if _in_training_mode(one, node)]
    if training:
        verb = "is" if len(training) == 1 else "are"
        text = f"{things(len(training), 'node')} ({_named(training)}) {verb} in training mode: exported so by mistake?"
        yield Note(code="onnx-training", message=text)


def _in_training_mode(graph: Graph, node: Node) -> bool:
    if not node.standard:
        return False
    if node.proto.op_type == "BatchNormalization":
        return any(attribute.name == "training_mode" and attribute.i for attribute in node.proto.attribute)
    if node.proto.op_type == "Dropout" and len(node.proto.input) > 2:
        mode = graph.tensor(node.proto.input[2])
        # A truth value is kept as a byte, or among the 32-bit integers.
        return mode is not None and any([*mode.raw_data, *mode.int32_data])
    return False


def _data(graph: Graph) -> Iterator[Note]:
    folder, wanted = graph.files.folder, _external(graph)
    missing = sorted(file.name for file in wanted if not file.is_file())
    if missing:
        text = f"values are kept in {', '.join(missing)}, which is missing in {folder}; only the structure is known"
        yield Note(code="external-data", message=text)
    for file, size in wanted.items():
        if file.is_file() and file.stat().st_size < size:
            text = f"{file.name} has {file.stat().st_size:,} bytes where the model's tensors take {size:,}"
            yield Note(code="external-data", message=f"{text}; fetch it again")


def _external(graph: Graph) -> dict[Path, int]:
    """The files beside the model that hold initializers, and the bytes that they should have at least."""
    wanted: dict[Path, int] = {}
    for one in graph.walk():
        for tensor in one.initializers.values():
            if tensor.data_location == TensorProto.EXTERNAL and not graph.files.holds(tensor):
                file = external_file(tensor, graph.files.folder)
                wanted[file] = max(wanted.get(file, 0), sum(span_of(tensor)))
    return wanted


def _named(nodes: list[Node]) -> str:
    return _listed([node.path for node in nodes])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
