"""The types that values are declared with, as people read them."""

from onnx import TypeProto

from inspector.engine.onnx_model.initializers import dtype_name

_DEEPEST = 8


def type_text(kind: TypeProto, depth: int = 0) -> str:
    """``float32 N×3``, ``sequence of int64``, ``map of string to float32``, ``optional float32``."""
    which = kind.WhichOneof("value")
    if which is None or depth > _DEEPEST:
        return "unknown"
    if which == "sequence_type":
        return f"sequence of {type_text(kind.sequence_type.elem_type, depth + 1)}"
    if which == "optional_type":
        return f"optional {type_text(kind.optional_type.elem_type, depth + 1)}"
    if which == "map_type":
        key, value = dtype_name(kind.map_type.key_type), type_text(kind.map_type.value_type, depth + 1)
        return f"map of {key} to {value}"
    if which not in ("tensor_type", "sparse_tensor_type"):
        return str(which).removesuffix("_type")
    tensor = getattr(kind, which)
    sizes = [str(size.dim_value) if size.HasField("dim_value") else size.dim_param or "?" for size in tensor.shape.dim]
    sparse = "sparse " if which == "sparse_tensor_type" else ""
    return f"{sparse}{dtype_name(tensor.elem_type)} {'×'.join(sizes)}".rstrip()
