"""Whether a model keeps ONNX's rules, by onnx's own checker, in words that name the node as the rows do."""

import re

import onnx
from onnx import ModelProto, ValueInfoProto

from inspector.engine.onnx_model.skeleton import declared_skeleton
from inspector.engine.onnx_model.soundness import paths_of

_MARK = "nninspect_checked_"
_NAMED = re.compile(rf"{_MARK}(\d+)")
_CONTEXT = re.compile(r" *==> Context: Bad node spec for node\. Name: (.*?) OpType: (\w*)")
_LONGEST = 300


def rule_broken(model: ModelProto) -> str | None:
    """What the checker says is wrong; None where nothing is."""
    skeleton = declared_skeleton(model)
    for value in [*skeleton.graph.input, *skeleton.graph.output]:
        _complete(value)
    for position, node in enumerate(skeleton.graph.node):
        node.name = f"{_MARK}{position}"
    try:
        onnx.checker.check_model(skeleton)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as problem:
        # Also what the checker's own C++ throws, which has no class of its own.
        paths = paths_of(model.graph.node)
        text = _NAMED.sub(lambda found: paths[int(found[1])], " ".join(str(problem).split()))
        for name, operator in _CONTEXT.findall(text):
            text = f"node {name} ({operator}): {_CONTEXT.sub('', text)}"
        return text[:_LONGEST].rstrip(".")
    return None


def _complete(value: ValueInfoProto) -> None:
    """The checker wants a shape, onnxruntime does not, and inference finds most of them."""
    if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
        value.type.tensor_type.shape.SetInParent()
