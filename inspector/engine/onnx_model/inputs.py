"""The inputs an ONNX file declares, and the sizes they leave open.

A size may be missing or a symbol. The first axis is taken as the batch, 1; the others try usual sizes, the same symbol
the same size everywhere, until shape inference finds no contradiction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx
import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import DTYPES, InputSpec
from inspector.core.table import SymbolicShape
from inspector.engine.drawing_inputs import draw_inputs, read_input
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name, torch_dtype

Size = int | str
BATCH_SIZES = (1, 8, 2, 4, 16, 32, 64)
"""Tried in turn: a graph may have been exported with its batch size written into a Reshape."""
_IMAGE_SIZES = (224, 256, 32, 28, 64, 128, 299, 384, 512, 16, 8)
_OTHER_SIZES = (16, 8, 32, 64, 128, 256, 512, 1, 2, 4, 3, 10)
_PASSED_ON = {
    "Cast", "Concat", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators whose output holds the same integers, on the way from an input to the indices of a Gather."""


@dataclass(frozen=True)
class Declared:
    """One input as the file declares it."""

    name: str
    dtype: str
    sizes: list[Size] | None
    """A number where it is fixed, else a symbol; None where not even the rank is declared."""

    @property
    def symbolic(self) -> SymbolicShape | None:
        """The sizes where some are open, else None."""
        return [*self.sizes] if any(isinstance(size, str) for size in self.sizes or []) and self.sizes else None

    def __str__(self) -> str:
        """The declaration as people read it: ``float32 N×3×224×224``."""
        return f"{self.dtype} {'×'.join(map(str, self.sizes)) or 'scalar'}" if self.sizes is not None else self.dtype


def declared_inputs(graph: Graph) -> list[Declared]:
    """The inputs that are not initializers.

    Raises RequestError where one is not a tensor of numbers.
    """
    return [_declared(value) for value in graph.inputs]


def _declared(value: onnx.ValueInfoProto) -> Declared:
    kind = value.type.WhichOneof("value")
    data_type = value.type.tensor_type.elem_type
    if kind != "tensor_type" or data_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        what = "text" if data_type == onnx.TensorProto.STRING else f"a {kind or 'value without a type'}"
        return Declared(value.name, what, None)
    sizes: list[Size] | None = None
    if value.type.tensor_type.HasField("shape"):
        sizes = [
            # Some exporters write −1 for a size that is left open; onnxruntime takes a 0 at its word.
            size.dim_value
            if size.HasField("dim_value") and size.dim_value >= 0
            else size.dim_param or f"{value.name}[{axis}]"
            for axis, size in enumerate(value.type.tensor_type.shape.dim)
        ]
    return Declared(value.name, dtype_name(data_type), sizes)


def candidates(graph: Graph, given: list[InputSpec], batch: int) -> Iterator[list[InputSpec]]:
    """Complete specs for all inputs, the likeliest sizes first; what is given stays, an open first axis is `batch`.

    Raises RequestError where a given one does not fit the declaration, or an input can be neither given nor guessed.
    """
    declared = declared_inputs(graph)
    matched = _matched(declared, given)
    known: dict[str, int] = {}
    for one, spec in zip(declared, matched, strict=True):
        _agree(one, spec, known)
    open_symbols = {
        size: _sizes(one, axis) if axis else (batch,)
        for one, spec in zip(declared, matched, strict=True)
        if spec is None
        for axis, size in reversed(list(enumerate(one.sizes or [])))
        if isinstance(size, str) and size not in known
    }
    rounds = max((len(sizes) for sizes in open_symbols.values()), default=1)
    for attempt in range(rounds):
        chosen = {symbol: sizes[min(attempt, len(sizes) - 1)] for symbol, sizes in open_symbols.items()}
        yield [
            _with_range(graph, one, spec or _default(graph, one, known | chosen))
            for one, spec in zip(declared, matched, strict=True)
        ]


def has_open_batch(graph: Graph, given: list[InputSpec]) -> bool:
    """Whether the first axis of an input that is not given has no number."""
    declared = declared_inputs(graph)
    return any(
        spec is None and one.sizes and isinstance(one.sizes[0], str)
        for one, spec in zip(declared, _matched(declared, given), strict=True)
    )


def draw(graph: Graph, specs: list[InputSpec], seed: int) -> dict[str, torch.Tensor]:
    """Values by input name; the same seed gives the same values.

    Raises RequestError where a file cannot be read or holds another dtype or shape than the model declares.
    """
    values = dict(zip([spec.name for spec in specs], draw_inputs(specs, seed), strict=True))
    for value in graph.inputs:
        wanted = torch_dtype(value.type.tensor_type.elem_type)
        tensor = values[value.name]
        if tensor.dtype != wanted:
            if not (tensor.is_floating_point() and wanted.is_floating_point):
                raise RequestError(
                    f"input {value.name!r} is {str(tensor.dtype).removeprefix('torch.')}, the model declares "
                    f"{_declared(value)}; convert the file"
                )
            values[value.name] = tensor.to(wanted)
    return values


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
    shape = list(read_input(spec.file).shape) if spec.file is not None else spec.shape
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
    image = len(one.sizes or []) >= 4 and axis >= 2 and one.dtype.startswith(("float", "bfloat"))
    return _IMAGE_SIZES if image else _OTHER_SIZES


def _default(graph: Graph, one: Declared, sizes: dict[str, int]) -> InputSpec:
    if one.dtype not in DTYPES:
        raise RequestError(f"input {one.name!r} is {one.dtype}; values of that kind cannot be made here")
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


def _with_range(graph: Graph, one: Declared, spec: InputSpec) -> InputSpec:
    """The spec under its declared name and dtype; plain integers that index a table get the table's range."""
    if spec.file is not None:
        return InputSpec(name=one.name, file=spec.file)
    # A spec that names no dtype reads as float32; then the declared one is meant.
    if spec.dtype not in (one.dtype, "float32"):
        raise RequestError(f"input {one.name!r} is given as {spec.dtype}, the model declares {one}; give that dtype")
    rows = _table_rows(graph, one.name) if one.dtype.startswith(("int", "uint")) else None
    ranged = spec.distribution == "normal" and rows is not None
    mask = spec.distribution == "normal" and rows is None and one.dtype.startswith("int") and "mask" in one.name
    return InputSpec(
        name=one.name,
        shape=spec.shape,
        dtype=one.dtype,
        distribution="range" if ranged else "ones" if mask else spec.distribution,
        low=0.0 if ranged else spec.low,
        high=float(rows) if ranged and rows is not None else spec.high,
    )


def _table_rows(graph: Graph, name: str) -> int | None:
    """The fewest rows among the tables that an input's integers index; None where they index none."""
    found: list[int] = []
    waiting, met = [name], {name}
    while waiting:
        for node, slot in graph.readers.get(waiting.pop(), []):
            kind = node.proto.op_type if node.standard else ""
            table = graph.initializers.get(node.proto.input[0]) if kind == "Gather" and slot == 1 else None
            if table is not None:
                axis = next((attribute.i for attribute in node.proto.attribute if attribute.name == "axis"), 0)
                found.append(table.dims[axis])
            elif kind in _PASSED_ON and (slot == 0 or kind == "Concat"):
                waiting.extend(output for output in node.proto.output if output not in met)
                met.update(node.proto.output)
    return min((rows for rows in found if rows > 0), default=None)
