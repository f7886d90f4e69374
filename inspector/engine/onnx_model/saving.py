"""Writes a graph as an `.onnx` file, whole or not at all.

Data goes beside it, into `<name>.data`, where that is asked for, where the model had it beside it already, or where it
is too large for one file: protocol buffers end at 2 GB. That file never replaces another one, so a model that reads the
old one stays whole.
"""

from pathlib import Path
from typing import BinaryIO

from onnx import ModelProto, TensorProto
from onnx.numpy_helper import from_array

from inspector.core.errors import RequestError
from inspector.core.results import SaveReport
from inspector.engine.onnx_model.constants import tensors_in
from inspector.engine.onnx_model.content import GRAPH, INITIALIZER, RAW_DATA
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import WRITTEN_OUT, stored_bytes, written_out
from inspector.engine.onnx_model.wire import head
from inspector.engine.user_paths import user_path
from inspector.files.writing import refuse_place, resolved, write_whole

LARGEST_FILE = (1 << 31) - (1 << 24)
"""Bytes of tensors that still go into one file, with room for the nodes."""
_BESIDE = 1024
"""Bytes from which a tensor goes beside the model."""
_ALIGNMENT = 4096


def save(graph: Graph, path: str, overwrite: bool, external_data: bool = False) -> SaveReport:
    """Write the model with its edits; with `external_data` its weights beside it, whatever their size.

    Raises RequestError where the name is no `.onnx`, the file exists and `overwrite` is false, or it cannot be written.
    """
    target = resolved(user_path(path))
    if target.suffix != ".onnx":
        raise RequestError(f"{path}: an ONNX model is saved as .onnx; choose a name that ends so")
    refuse_place(target, path, overwrite)
    beside = _write(graph, target, path, external_data)
    written = sum(file.stat().st_size for file in (target, *beside))
    tensors = len(tensors_in(graph.model.graph))
    return SaveReport(path=path, tensors=tensors, bytes=written, files=[path, *map(str, beside)])


def _write(graph: Graph, target: Path, typed: str, external_data: bool) -> list[Path]:
    """Write the model; returns the files beside it."""
    tensors = tensors_in(graph.model.graph)
    were_beside = any(t.data_location == TensorProto.EXTERNAL and not graph.files.holds(t) for t in tensors)
    total = sum(stored_bytes(tensor) for tensor in tensors if tensor.data_type != TensorProto.STRING)
    wanted = external_data or were_beside or total >= LARGEST_FILE
    if not wanted or not any(map(_goes_beside, tensors)):
        write_whole(target, typed, lambda place: _write_inline(graph, place))
        return []
    data = unused_data_file(target)
    model = _without_data(graph.model)

    def write_data(place: Path) -> None:
        with place.open("wb") as file:
            for tensor, copy in zip(tensors, tensors_in(model.graph), strict=True):
                _write_tensor(graph, tensor, copy, file, data.name)

    write_whole(data, str(data), write_data)
    content = model.SerializeToString()
    try:
        write_whole(target, typed, lambda place: place.write_bytes(content))
    except RequestError:
        data.unlink(missing_ok=True)
        raise
    return [data]


def _write_inline(graph: Graph, place: Path) -> None:
    """Write the model as one file; weights that stayed in its old file go from there to the new one."""
    small = _without_data(graph.model)
    del small.graph.initializer[:]
    tensors = []
    for tensor in graph.model.graph.initializer:
        if not graph.files.holds(tensor):
            small.graph.initializer.append(tensor)
            continue
        declared = TensorProto()
        declared.CopyFrom(tensor)
        declared.ClearField("external_data")
        declared.ClearField("data_location")
        content = graph.files.content(tensor)
        tensors.append((declared.SerializeToString() + head(RAW_DATA, len(content)), content))
    nodes = small.graph.SerializeToString()
    small.ClearField("graph")
    sizes = [len(start) + len(content) for start, content in tensors]
    whole = len(nodes) + sum(len(head(INITIALIZER, size)) + size for size in sizes)
    with place.open("wb") as file:
        file.write(small.SerializeToString() + head(GRAPH, whole) + nodes)
        for (start, content), size in zip(tensors, sizes, strict=True):
            file.write(head(INITIALIZER, size) + start)
            file.write(content)


def _without_data(source: ModelProto) -> ModelProto:
    """A copy of the model whose own initializers have no raw data."""
    model = ModelProto()
    for descriptor, value in source.ListFields():
        if descriptor.name != "graph":
            _assign(model, descriptor.name, value)
    for descriptor, value in source.graph.ListFields():
        if descriptor.name != "initializer":
            _assign(model.graph, descriptor.name, value)
    for tensor in source.graph.initializer:
        copy = model.graph.initializer.add()
        for descriptor, value in tensor.ListFields():
            if descriptor.name != "raw_data":
                _assign(copy, descriptor.name, value)
    return model


def _assign(message: object, name: str, value: object) -> None:
    field = getattr(message, name)
    if hasattr(field, "extend"):
        field.extend(value)
    elif hasattr(field, "CopyFrom"):
        field.CopyFrom(value)
    else:
        setattr(message, name, value)


def _goes_beside(tensor: TensorProto) -> bool:
    if tensor.data_location == TensorProto.EXTERNAL:
        return True
    return tensor.data_type != TensorProto.STRING and stored_bytes(tensor) >= _BESIDE


def _write_tensor(graph: Graph, tensor: TensorProto, copy: TensorProto, file: BinaryIO, location: str) -> None:
    if not _goes_beside(tensor):
        copy.CopyFrom(tensor)
        return
    content = _raw_content(graph, tensor)
    file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
    offset = file.tell()
    file.write(content)
    for field in ("raw_data", "external_data", *WRITTEN_OUT):
        copy.ClearField(field)
    copy.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(len(content)))):
        copy.external_data.add(key=key, value=value)


def _raw_content(graph: Graph, tensor: TensorProto) -> memoryview:
    """The bytes that external data consists of, of a tensor in any form."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.raw_data:
        return graph.files.content(tensor)
    return memoryview(from_array(written_out(tensor)).raw_data)


def unused_data_file(target: Path) -> Path:
    """The first name for the data that no file has."""
    data, number = target.with_name(f"{target.name}.data"), 2
    while data.exists():
        data, number = target.with_name(f"{target.name}.{number}.data"), number + 1
    return data
