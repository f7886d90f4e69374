"""Values for one input that a user names: in a file, or as a Python literal."""

import ast
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy
import onnx
from onnx import OptionalProto, SequenceProto, TensorProto, TypeProto, ValueInfoProto

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.input_files import ARRAY_SUFFIXES, array_in, array_of_proto, read_file, read_input
from inspector.engine.onnx_model.held import Held, held
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.types import type_text


def given_value(spec: InputSpec, declared: ValueInfoProto) -> Held:
    """What a spec with a file or a literal stands for, as an input of this type.

    Raises RequestError where it cannot be read, or is of another kind.
    """
    if spec.file is not None:
        return _from_file(spec.file, declared)
    try:
        return held(_from_literal(_literal(spec.value or "None"), declared.type))
    except (ValueError, TypeError, OverflowError) as problem:
        wanted = type_text(declared.type)
        raise RequestError(f"--input {spec}: this is no {wanted}: {str(problem).splitlines()[0]}") from None


@lru_cache(maxsize=8)
def _literal(text: str) -> Any:
    """Read once: it is asked for at every step of a pass, and may have a million words."""
    return ast.literal_eval(text)


def _from_file(file: str, declared: ValueInfoProto) -> Held:
    suffix = Path(file).suffix.lower()
    if suffix == ".pb":
        return read_file(file, lambda path: held(_proto(path, declared)))
    if suffix in ARRAY_SUFFIXES:
        return read_file(file, lambda path: held(_typed(array_in(path, declared.name), declared)))
    return read_input(file)


def _proto(path: Path, declared: ValueInfoProto) -> Any:
    kind = declared.type.WhichOneof("value")
    content = path.read_bytes()
    if kind == "sequence_type":
        return _sequence(SequenceProto.FromString(content), path)
    if kind == "optional_type":
        return _optional(OptionalProto.FromString(content), path)
    return _tensor(TensorProto.FromString(content), path)


def _sequence(proto: SequenceProto, path: Path) -> list[Any]:
    if proto.elem_type == SequenceProto.SEQUENCE:
        return [_sequence(one, path) for one in proto.sequence_values]
    if proto.elem_type == SequenceProto.OPTIONAL:
        return [_optional(one, path) for one in proto.optional_values]
    return [_tensor(one, path) for one in proto.tensor_values]


def _optional(proto: OptionalProto, path: Path) -> Any:
    if proto.elem_type == OptionalProto.TENSOR:
        return _tensor(proto.tensor_value, path)
    if proto.elem_type == OptionalProto.SEQUENCE:
        return _sequence(proto.sequence_value, path)
    if proto.elem_type == OptionalProto.OPTIONAL:
        return _optional(proto.optional_value, path)
    return None


def _tensor(proto: TensorProto, path: Path) -> Any:
    array = array_of_proto(proto, path)
    if proto.data_type != TensorProto.STRING:
        return array
    texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in array.reshape(-1).tolist()]
    return numpy.array([*texts, None], dtype=object)[:-1].reshape(array.shape)


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
