"""A node's attributes as a line of text."""

from collections.abc import Callable
from typing import Any

import onnx
from onnx import AttributeProto, SparseTensorProto, TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.constants import constant_value
from inspector.engine.onnx_model.initializers import dtype_name, written_out
from inspector.engine.onnx_model.places import Node
from inspector.engine.onnx_model.types import type_text

_LONGEST = 240
_MOST_ITEMS, _MOST_ELEMENTS = 16, 8


def hyperparameters(node: Node) -> str:
    """A node's attributes on one line."""
    if node.standard and node.proto.op_type == "Constant" and node.proto.output:
        value = constant_value(node.proto)
        if value is not None:
            return _tensor(value)
    line = " ".join(", ".join(f"{one.name}={_attribute(one)}" for one in node.proto.attribute).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _attribute(attribute: AttributeProto) -> str:
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except ValueError:
        return "?"
    one = _TEXTS.get(attribute.type)
    if one is not None:
        return one(value)
    items = _ITEMS.get(attribute.type)
    if items is None:
        return "?"
    more = ", …" if len(value) > _MOST_ITEMS else ""
    return f"({', '.join(items(item) for item in value[:_MOST_ITEMS])}{more})"


def _number(value: float) -> str:
    return f"{value:g}"


def _text(value: bytes) -> str:
    return repr(value.decode("utf-8", "replace"))


def _tensor(tensor: TensorProto) -> str:
    described = f"{dtype_name(tensor.data_type)} {'×'.join(map(str, tensor.dims)) or 'scalar'}"
    external = tensor.data_location == TensorProto.EXTERNAL
    long = len(tensor.dims) > 1 or any(size > _MOST_ELEMENTS for size in tensor.dims)
    if external or long or tensor.data_type == TensorProto.STRING:
        return described
    try:
        return f"{_numbers(written_out(tensor).tolist())} ({described})"
    except RequestError:
        return described


def _numbers(held: Any) -> str:
    """Numbers as they are read, not with all digits that a float of single precision has in double."""
    if isinstance(held, list):
        return f"[{', '.join(map(_numbers, held))}]"
    return _number(held) if isinstance(held, float) else str(held)


def _sparse(tensor: SparseTensorProto) -> str:
    return f"sparse {dtype_name(tensor.values.data_type)} {'×'.join(map(str, tensor.dims))}"


def _graph(graph: onnx.GraphProto) -> str:
    return f"graph of {len(graph.node)} nodes"


_TEXTS: dict[int, Callable[[Any], str]] = {
    AttributeProto.INT: str,
    AttributeProto.FLOAT: _number,
    AttributeProto.STRING: _text,
    AttributeProto.TENSOR: _tensor,
    AttributeProto.SPARSE_TENSOR: _sparse,
    AttributeProto.GRAPH: _graph,
    AttributeProto.TYPE_PROTO: type_text,
}
_ITEMS: dict[int, Callable[[Any], str]] = {
    AttributeProto.INTS: _number,
    AttributeProto.FLOATS: _number,
    AttributeProto.STRINGS: _text,
    AttributeProto.TENSORS: _tensor,
    AttributeProto.SPARSE_TENSORS: _sparse,
    AttributeProto.GRAPHS: _graph,
    AttributeProto.TYPE_PROTOS: type_text,
}
