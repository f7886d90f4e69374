"""The inputs an ONNX file declares, and the sizes they leave open.

A size may be missing or a symbol. The first axis is taken as the batch, 1; the others try usual sizes, the same symbol
the same size everywhere, until shape inference finds no contradiction.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import onnx

from inspector.core.errors import RequestError
from inspector.core.recipe import DTYPES, InputSpec
from inspector.core.table import SymbolicShape
from inspector.engine.onnx_model.generated_values import Below, Shapes, generated
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.types import type_text
from inspector.engine.onnx_model.written_sizes import sizes_written_down

Size = int | str
BATCH_SIZES = (1, 8, 2, 4, 16, 32, 64)
"""Tried in turn: a graph may have been exported with its batch size written into a Reshape."""
_IMAGE_SIZES = (224, 256, 32, 28, 64, 128, 299, 384, 512, 16, 8)
_MOST_WORDS = 1 << 20
_MOST_FREE = 4
"""Symbols that are also tried one by one."""
_WORDS = ("one", "two", "three", "four")
_OTHER_SIZES = (16, 8, 32, 64, 128, 256, 512, 1, 2, 4, 3, 10)


@dataclass(frozen=True)
class Declared:
    """One input as the file declares it."""

    name: str
    dtype: str
    sizes: list[Size] | None
    """A number where it is fixed, else a symbol; None where not even the rank is declared, or it is no tensor."""
    kind: onnx.TypeProto

    @property
    def symbolic(self) -> SymbolicShape | None:
        """The sizes where some are open, else None."""
        return [*self.sizes] if any(isinstance(size, str) for size in self.sizes or []) and self.sizes else None

    def __str__(self) -> str:
        """The declaration as people read it: ``float32 N×3×224×224``."""
        return f"{self.dtype} {'×'.join(map(str, self.sizes)) or 'scalar'}" if self.sizes is not None else self.dtype


def declared_inputs(graph: Graph) -> list[Declared]:
    """The inputs that are not initializers."""
    return [declared_input(value) for value in graph.inputs]


def declared_input(value: onnx.ValueInfoProto) -> Declared:
    """One input; its type in words for its dtype where it is no tensor."""
    kind = value.type.WhichOneof("value")
    data_type = value.type.tensor_type.elem_type
    if kind != "tensor_type" or data_type == onnx.TensorProto.UNDEFINED:
        return Declared(value.name, type_text(value.type), None, value.type)
    sizes: list[Size] | None = None
    if value.type.tensor_type.HasField("shape"):
        sizes = [
            # Some exporters write −1 or "?" for every size that is left open; onnxruntime takes a 0 at its word.
            size.dim_value
            if size.HasField("dim_value") and size.dim_value >= 0
            else size.dim_param
            if any(map(str.isalpha, size.dim_param))
            else f"{value.name}[{axis}]"
            for axis, size in enumerate(value.type.tensor_type.shape.dim)
        ]
    return Declared(value.name, dtype_name(data_type), sizes, value.type)


def candidates(graph: Graph, given: list[InputSpec], batch: int) -> Iterator[list[InputSpec]]:
    """Complete specs for all inputs, the likeliest sizes first; what is given stays, an open first axis is `batch`.

    Raises RequestError where a given one does not fit the declaration, or an input can be neither given nor guessed.
    """
    declared = declared_inputs(graph)
    matched = _matched(declared, given)
    known: dict[str, int] = {}
    for one, spec in zip(declared, matched, strict=True):
        _agree(one, spec, known)
    guessed = [one for one, spec in zip(declared, matched, strict=True) if spec is None and one.sizes]
    batches = {one.sizes[0] for one in guessed if one.sizes}
    written_down = sizes_written_down(graph)
    open_symbols = {
        size: (batch,) if size in batches else tuple(dict.fromkeys([*_sizes(one, axis), *written_down]))
        for one in guessed
        for axis, size in reversed(list(enumerate(one.sizes or [])))
        if isinstance(size, str) and size not in known
    }
    for chosen in _choices(open_symbols, batch):
        specs = [
            _as_declared(one, spec or _default(graph, one, known | chosen))
            for one, spec in zip(declared, matched, strict=True)
        ]
        yield _as_used(graph, declared, specs)


def _choices(open_symbols: Mapping[str, Sequence[int]], batch: int) -> Iterator[dict[str, int]]:
    """Sizes for all symbols: first the same way through the usual ones for all, then one by one, the others a batch.

    A state is often declared as (layers, batch, features), its batch by no name that the other inputs share.
    """
    rounds = max(map(len, open_symbols.values()), default=1)
    for attempt in range(rounds):
        yield {symbol: sizes[min(attempt, len(sizes) - 1)] for symbol, sizes in open_symbols.items()}
    free = [symbol for symbol, sizes in open_symbols.items() if len(sizes) > 1]
    if 1 < len(free) <= _MOST_FREE:
        for symbol in free:
            for size in open_symbols[symbol]:
                yield dict.fromkeys(open_symbols, batch) | {symbol: size}


def has_open_batch(graph: Graph, given: list[InputSpec]) -> bool:
    """Whether the first axis of an input that is not given has no number."""
    declared = declared_inputs(graph)
    return any(
        spec is None and one.sizes and isinstance(one.sizes[0], str)
        for one, spec in zip(declared, _matched(declared, given), strict=True)
    )


def shape_of(one: Declared, spec: InputSpec) -> list[int] | None:
    """The shape that a spec gives, or that its file or its literal has; None where it is no tensor."""
    if spec.file is None and spec.value is None:
        return spec.shape
    if not one.kind.HasField("tensor_type"):
        return None
    from inspector.engine.onnx_model.given_values import given_value
    from inspector.engine.onnx_model.held import described

    return described(given_value(spec, onnx.ValueInfoProto(name=one.name, type=one.kind))).shape


def _matched(declared: list[Declared], given: list[InputSpec]) -> list[InputSpec | None]:
    names = [one.name for one in declared]
    named = {spec.name: spec for spec in given if spec.name}
    unknown = [name for name in named if name not in names]
    if unknown:
        raise RequestError(f"--input {unknown[0]}=…: this model has no such input; its inputs are {', '.join(names)}")
    unnamed = [spec for spec in given if not spec.name]
    free = [name for name in names if name not in named]
    if len(unnamed) > len(free):
        raise RequestError(
            f"{len(given)} inputs are given, the model takes {len(names)} ({', '.join(names)}); leave some --input out"
        )
    by_place = dict(zip(free, unnamed, strict=False))
    return [named.get(name) or by_place.get(name) for name in names]


def _agree(one: Declared, spec: InputSpec | None, known: dict[str, int]) -> None:
    if spec is None:
        return
    shape = shape_of(one, spec)
    if shape is None or one.sizes is None:
        return
    fits = len(shape) == len(one.sizes) and all(
        known.setdefault(wanted, size) == size if isinstance(wanted, str) else wanted == size
        for wanted, size in zip(one.sizes, shape, strict=True)
    )
    if not fits:
        raise RequestError(
            f"input {one.name!r} is given as {'×'.join(map(str, shape)) or 'scalar'}, the model declares {one}; "
            f"give --input {one.name}={_example(one)}"
        )


def _example(one: Declared) -> str:
    sizes = [size if isinstance(size, int) else 1 if axis == 0 else 16 for axis, size in enumerate(one.sizes or [])]
    return "x".join(map(str, sizes)) or "()"


def _sizes(one: Declared, axis: int) -> tuple[int, ...]:
    sizes = one.sizes or []
    # Of images with their channels last, as TensorFlow has them, only the channels have a number.
    channels_last = bool(sizes) and isinstance(sizes[-1], int) and all(isinstance(size, str) for size in sizes[1:-1])
    image = len(sizes) >= 4 and (axis >= 2 or channels_last) and one.dtype.startswith(("float", "bfloat"))
    return _IMAGE_SIZES if image else _OTHER_SIZES


def _default(graph: Graph, one: Declared, sizes: dict[str, int]) -> InputSpec:
    if one.dtype != "string" and one.dtype not in DTYPES:
        raise RequestError(
            f"input {one.name!r} is {type_text(one.kind)}; values of that kind are not made up, give it: "
            f"--input {one.name}=@FILE.pb, or --input {one.name}==VALUE with a Python literal"
        )
    if one.sizes is not None:
        shape = [size if isinstance(size, int) else sizes[size] for size in one.sizes]
        return InputSpec(name=one.name, shape=shape, dtype=one.dtype)
    for node, slot in graph.readers.get(one.name, []):
        weight = graph.initializers.get(node.proto.input[1]) if slot == 0 and len(node.proto.input) > 1 else None
        if weight is not None and node.proto.op_type == "Conv":
            group = next((attribute.i for attribute in node.proto.attribute if attribute.name == "group"), 1)
            shape = [1, weight.dims[1] * group, *([224] * (len(weight.dims) - 2))]
            return InputSpec(name=one.name, shape=shape, dtype=one.dtype)
    raise RequestError(f"input {one.name!r} declares no shape; give it: --input {one.name}=1x3x224x224")


def _as_declared(one: Declared, spec: InputSpec) -> InputSpec:
    """The spec under its declared name and dtype."""
    if spec.file is not None or spec.value is not None:
        return InputSpec(name=one.name, file=spec.file, value=spec.value)
    # A spec that names no dtype reads as float32; then the declared one is meant.
    if spec.dtype not in (one.dtype, "float32"):
        raise RequestError(f"input {one.name!r} is given as {spec.dtype}, the model declares {one}; give that dtype")
    return msgspec.structs.replace(spec, name=one.name, dtype=one.dtype)


def _as_used(graph: Graph, declared: list[Declared], specs: list[InputSpec]) -> list[InputSpec]:
    """What is left to chance, chosen so that the nodes which read it can take it."""

    @cache
    def shapes() -> Mapping[str, Sequence[int]]:
        from inspector.engine.onnx_model.shapes import infer

        known = {one.name: shape for one, spec in zip(declared, specs, strict=True) if (shape := shape_of(one, spec))}
        return {name: value.shape for name, value in infer(graph, known).values.items() if value.shape is not None}

    return [_used(graph, one, spec, shapes) for one, spec in zip(declared, specs, strict=True)]


def _used(graph: Graph, one: Declared, spec: InputSpec, shapes: Shapes) -> InputSpec:
    if spec.shape is None or spec.distribution != "normal":
        return spec
    if one.dtype == "string" and math.prod(spec.shape) > _MOST_WORDS:
        raise RequestError(f"input {one.name!r} is declared as {one}, more words than can be made up; give it: --input")
    if one.dtype == "string":
        return InputSpec(name=one.name, value=repr(_words(spec.shape)))
    counts = one.dtype.startswith(("int", "uint"))
    if not counts and len(spec.shape) != 1:
        return spec
    wanted = generated(graph, one.name, spec.shape, shapes)
    if isinstance(wanted, Below):
        return msgspec.structs.replace(spec, distribution="range", low=0.0, high=float(wanted.high)) if counts else spec
    if wanted is not None:
        return InputSpec(name=one.name, value=repr(wanted))
    mask = one.dtype.startswith("int") and "mask" in one.name
    return msgspec.structs.replace(spec, distribution="ones") if mask else spec


def _words(shape: list[int]) -> Any:
    """Words in nested lists of this shape."""
    if not shape:
        return _WORDS[0]
    inner = [_words(shape[1:]) for _ in range(shape[0])] if len(shape) > 1 else []
    return inner or [_WORDS[at % len(_WORDS)] for at in range(shape[0])]
