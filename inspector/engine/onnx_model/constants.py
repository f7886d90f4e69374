"""The values that Constant nodes hold."""

import numpy
import onnx
from onnx import NodeProto, SparseTensorProto, TensorProto


def constant_value(node: NodeProto) -> TensorProto | None:
    """The value of a Constant node as a tensor named by its output; None for text and sparse values."""
    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = TensorProto()
            tensor.CopyFrom(attribute.t)
            tensor.name = name
            return tensor
        if attribute.name in ("value_float", "value_floats"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.float32), name
            )
        if attribute.name in ("value_int", "value_ints"):
            return onnx.numpy_helper.from_array(
                numpy.array(onnx.helper.get_attribute_value(attribute), dtype=numpy.int64), name
            )
    return None


def sparse_constant(node: NodeProto) -> SparseTensorProto | None:
    """The value of a Constant node that holds a sparse tensor; None for all others."""
    return next((attribute.sparse_tensor for attribute in node.attribute if attribute.name == "sparse_value"), None)
