"""Values for one input that a user names: in a file, or as a Python literal."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy
import onnx
from onnx import OptionalProto, SequenceProto, TensorProto, TypeProto, ValueInfoProto

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.drawing_inputs import named_file, read_input, read_problem
from inspector.engine.onnx_model.held import Held, held
from inspector.engine.onnx_model.initializers import dtype_name, written_out
from inspector.engine.onnx_model.types import type_text


def given_value(spec: InputSpec, declared: ValueInfoProto) -> Held:
    """What a spec with a file or a literal stands for, as an input of this type.

    Raises RequestError where it cannot be read, or is of another kind.
    """
    if spec.file is not None:
        return _from_file(spec.file, declared)
    try:
        return held(_from_literal(ast.literal_eval(spec.value or "None"), declared.type))
    except (ValueError, TypeError, OverflowError) as problem:
        wanted = type_text(declared.type)
        raise RequestError(f"--input {spec}: this is no {wanted}: {str(problem).splitlines()[0]}") from None


def _from_file(file: str, declared: ValueInfoProto) -> Held:
    path = named_file(file)
    reader = {".pb": _proto, ".npz": _array_of_archive, ".npy": _array}.get(path.suffix.lower())
    if reader is None:
        return read_input(file)
    try:
        return held(reader(path, declared))
    except RequestError as problem:
        raise RequestError(f"--input @{file}: {problem}") from None
    except Exception as problem:
        raise read_problem(file, problem) from None


def _proto(path: Path, declared: ValueInfoProto) -> Any:
    kind = declared.type.WhichOneof("value")
    content = path.read_bytes()
    if kind == "sequence_type":
        return _sequence(SequenceProto.FromString(content))
    if kind == "optional_type":
        return _optional(OptionalProto.FromString(content))
    return _tensor(TensorProto.FromString(content))


def _sequence(proto: SequenceProto) -> list[Any]:
    if proto.elem_type == SequenceProto.SEQUENCE:
        return [_sequence(one) for one in proto.sequence_values]
    if proto.elem_type == SequenceProto.OPTIONAL:
        return [_optional(one) for one in proto.optional_values]
    return [_tensor(one) for one in proto.tensor_values]


def _optional(proto: OptionalProto) -> Any:
    if proto.elem_type == OptionalProto.TENSOR:
        return _tensor(proto.tensor_value)
    if proto.elem_type == OptionalProto.SEQUENCE:
        return _sequence(proto.sequence_value)
    if proto.elem_type == OptionalProto.OPTIONAL:
        return _optional(proto.optional_value)
    return None


def _tensor(proto: TensorProto) -> Any:
    if proto.data_location == TensorProto.EXTERNAL:
        raise RequestError("its values lie in yet another file, which is not opened; save them in this one")
    array = written_out(proto)
    if proto.data_type != TensorProto.STRING:
        return array
    texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in array.reshape(-1).tolist()]
    return numpy.array([*texts, None], dtype=object)[:-1].reshape(array.shape)


def _array_of_archive(path: Path, declared: ValueInfoProto) -> Any:
    with numpy.load(path, allow_pickle=False) as archive:
        name = declared.name if declared.name in archive.files else archive.files[0] if archive.files else ""
        if not name or (name != declared.name and len(archive.files) > 1):
            raise RequestError(
                f"it holds {len(archive.files)} arrays and none is named {declared.name!r}; save that one alone"
            )
        return _typed(archive[name], declared)


def _array(path: Path, declared: ValueInfoProto) -> Any:
    return _typed(numpy.load(path, allow_pickle=False), declared)


def _typed(array: Any, declared: ValueInfoProto) -> Any:
    """NumPy writes types that it lacks as so many bytes: take them for what the model declares."""
    name = dtype_name(declared.type.tensor_type.elem_type)
    own = getattr(ml_dtypes, name, None)
    return array.view(own) if own is not None and array.dtype.kind == "V" else array


def _from_literal(value: Any, kind: TypeProto) -> Any:
    return _LITERALS[kind.WhichOneof("value") or ""](value, kind)


def _tensor_literal(value: Any, kind: TypeProto) -> Any:
    data_type = kind.tensor_type.elem_type
    if data_type == TensorProto.STRING:
        return numpy.array(value, dtype=object)
    return numpy.array(value).astype(onnx.helper.tensor_dtype_to_np_dtype(data_type))


def _sequence_literal(value: Any, kind: TypeProto) -> Any:
    if not isinstance(value, list | tuple):
        raise TypeError("a sequence is written as a list, for example [[1.0, 2.0], [3.0]]")
    return [_from_literal(one, kind.sequence_type.elem_type) for one in value]


def _optional_literal(value: Any, kind: TypeProto) -> Any:
    return None if value is None else _from_literal(value, kind.optional_type.elem_type)


def _as_it_is(value: Any, kind: TypeProto) -> Any:
    return value


_LITERALS: dict[str, Callable[[Any, TypeProto], Any]] = {
    "tensor_type": _tensor_literal,
    "sequence_type": _sequence_literal,
    "optional_type": _optional_literal,
    "map_type": _as_it_is,
    "sparse_tensor_type": _as_it_is,
    "opaque_type": _as_it_is,
    "": _as_it_is,
}
