"""What a node uses a tensor for, from the place among its inputs: ONNX gives inputs meaning by position."""

import onnx

from inspector.core.table import Tensor
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.weight_layouts import WEIGHT_SLOTS, layout_of

_ROLES = {
    ("BatchNormalization", 1): "scale γ, one factor for each channel",
    ("BatchNormalization", 2): "shift β, one summand for each channel",
    ("BatchNormalization", 3): "running mean of each channel, measured in training",
    ("BatchNormalization", 4): "running variance of each channel, measured in training",
    ("Conv", 2): "bias, one number for each output channel",
    ("ConvTranspose", 2): "bias, one number for each output channel",
    ("DequantizeLinear", 1): "scale s in number = (q − z)·s, what one step of the integers is worth,",
    ("DequantizeLinear", 2): "zero point z in number = (q − z)·s, the integer that stands for 0,",
    ("Gather", 0): "table whose rows are looked up by index",
    ("Gemm", 2): "bias, one number for each output feature",
    ("GroupNormalization", 1): "scale γ",
    ("GroupNormalization", 2): "shift β",
    ("InstanceNormalization", 1): "scale γ, one factor for each channel",
    ("InstanceNormalization", 2): "shift β, one summand for each channel",
    ("LayerNormalization", 1): "scale γ",
    ("LayerNormalization", 2): "shift β",
    ("PRelu", 1): "slope for negative values",
    ("QLinearConv", 1): "scale of the input",
    ("QLinearConv", 2): "zero point of the input, the integer that stands for 0",
    ("QLinearConv", 4): "scale of the weight",
    ("QLinearConv", 5): "zero point of the weight, the integer that stands for 0",
    ("QLinearConv", 6): "scale of the output",
    ("QLinearConv", 7): "zero point of the output, the integer that stands for 0",
    ("QLinearConv", 8): "bias in steps of the input's scale times the weight's, one for each output channel",
    ("QuantizeLinear", 1): "scale s in number = (q − z)·s, what one step of the integers is worth,",
    ("QuantizeLinear", 2): "zero point z in number = (q − z)·s, the integer that stands for 0,",
    ("Reshape", 1): "target shape",
}


def role_of(graph: Graph, node: Node, slot: int, tensor: Tensor) -> str:
    """A sentence fragment: the role, the meaning of each axis, and the node."""
    if slot < 0:
        return f"read inside the body of {node.path} ({node.operator})"
    if node.proto.op_type == "DequantizeLinear" and slot == 0:
        further = graph.readers.get(node.proto.output[0], [])[:1]
        uses = [role_of(graph, *reader, tensor) for reader in further if reader[0] is not node]
        return (
            f"integers that {node.path} (DequantizeLinear) makes numbers of: {uses[0] if uses else 'read by no node'}"
        )
    role = _axes(node, slot, tensor) or _ROLES.get((node.proto.op_type, slot)) or _by_schema(graph, node, slot)
    return f"{role} of {node.path} ({node.operator})"


def _axes(node: Node, slot: int, tensor: Tensor) -> str | None:
    shape, kind = tensor.shape or [], node.proto.op_type
    if slot != WEIGHT_SLOTS.get(kind, 1) or len(shape) < 2 or not node.standard:
        return None
    kernel = "×".join(map(str, shape[2:]))
    if kind in ("Conv", "ConvInteger", "QLinearConv") and kernel:
        return f"weight [out_channels={shape[0]}, in_channels/groups={shape[1]}, kernel {kernel}]"
    if kind == "ConvTranspose" and kernel:
        return f"weight [in_channels={shape[0]}, out_channels/groups={shape[1]}, kernel {kernel}]"
    if kind in ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul") and len(shape) == 2:
        names = ("in", "out") if layout_of(node, slot, len(shape)).kind == "input_first" else ("out", "in")
        return f"weight [{names[0]}_features={shape[0]}, {names[1]}_features={shape[1]}]"
    return None


def _by_schema(graph: Graph, node: Node, slot: int) -> str:
    """The input's name in ONNX's own definition of the operator."""
    try:
        inputs = onnx.defs.get_schema(node.proto.op_type, graph.opset(), node.proto.domain).inputs
    except onnx.defs.SchemaError:
        inputs = []
    if not inputs:
        return f"input {slot}"
    return f"input `{inputs[min(slot, len(inputs) - 1)].name}`"
