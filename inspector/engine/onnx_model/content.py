"""A model as it stands in its file, large weights left there.

A weight that is left in the file is declared as ONNX declares data in another file, only that the other file is the
model itself. So inline weights of gigabytes are held once, by the system's cache of files, and a model beyond protocol
buffers' 2 GB can be read.
"""

import mmap
from pathlib import Path

from onnx import ModelProto, TensorProto

from inspector.engine.onnx_model.wire import BYTES, Content, Field, fields, head

_LEFT = 1 << 16
"""Bytes from which a weight stays in the file."""
_WHOLE = 1 << 20
"""Bytes of a file that is read as it is."""
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
"""Numbers of the fields in onnx.proto: of ModelProto, of GraphProto and of TensorProto."""


def read_content(path: Path) -> Content:
    """The bytes of a file, mapped where they are many. Raises OSError."""
    with path.open("rb") as file:
        size = path.stat().st_size
        return file.read() if size <= _WHOLE else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def parse_model(content: Content, name: str) -> ModelProto:
    """The model in the file called `name`.

    Raises WireError or protobuf's DecodeError where it is none.
    """
    model = ModelProto()
    model.ParseFromString(content if len(content) <= _WHOLE else b"".join(_lightened(content, name)))
    return model


def is_inside(tensor: TensorProto, name: str) -> bool:
    """Whether the tensor's data was left in the model's own file, called `name`."""
    return tensor.data_location == TensorProto.EXTERNAL and any(
        entry.key == "location" and entry.value == name for entry in tensor.external_data
    )


def _lightened(content: Content, name: str) -> list[bytes]:
    pieces = []
    for field in fields(content, 0, len(content)):
        if (field.number, field.kind) == (GRAPH, BYTES):
            graph = _graph(content, field, name)
            pieces += [head(GRAPH, sum(map(len, graph))), *graph]
        else:
            pieces.append(content[field.tag : field.end])
    return pieces


def _graph(content: Content, graph: Field, name: str) -> list[bytes]:
    pieces = []
    copied = graph.start
    for field in fields(content, graph.start, graph.end):
        if (field.number, field.kind) == (INITIALIZER, BYTES) and field.end - field.start >= _LEFT:
            tensor = b"".join(_tensor(content, field, name))
            pieces += [content[copied : field.tag], head(INITIALIZER, len(tensor)), tensor]
            copied = field.end
    return [*pieces, content[copied : graph.end]]


def _tensor(content: Content, tensor: Field, name: str) -> list[bytes]:
    pieces = []
    place = TensorProto()
    for field in fields(content, tensor.start, tensor.end):
        if (field.number, field.kind) != (RAW_DATA, BYTES) or field.end - field.start < _LEFT:
            pieces.append(content[field.tag : field.end])
            continue
        place = TensorProto(data_location=TensorProto.EXTERNAL)
        for key, value in (("location", name), ("offset", field.start), ("length", field.end - field.start)):
            place.external_data.add(key=key, value=str(value))
    # Messages that follow each other are one message, in which the last value of a field counts: a file may say itself
    # that its data is inside.
    return [*pieces, place.SerializeToString()]
