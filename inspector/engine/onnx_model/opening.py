"""Reads an ONNX file: its structure, and small weights; large ones stay in the file until they are asked for."""

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from onnx import ModelProto, TensorProto

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.content import parse_model, read_content
from inspector.engine.onnx_model.functions import refuse_endless
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import DataFiles, external_file, stored_bytes
from inspector.engine.onnx_model.skeleton import declared_skeleton
from inspector.engine.onnx_model.wire import WireError
from inspector.files.typed_paths import typed_path


def read_graph(file: str) -> Graph:
    """The graph in `file`, checked.

    Raises RequestError where there is no such file, it is not ONNX, is cut short, breaks ONNX's rules, or points to
    data outside its own folder.
    """
    path = typed_path(file)
    if path.is_dir():
        raise RequestError(f"{file} is a folder; name the .onnx file in it")
    if not path.is_file():
        raise RequestError(f"{file}: there is no such file")
    try:
        content = read_content(path)
    except (OSError, ValueError) as problem:
        raise RequestError(f"{file} cannot be read: {problem}") from None
    _refuse_other_kinds(file, content[:64])
    try:
        model = parse_model(content, path.name)
    except (DecodeError, WireError, ValueError, UnicodeDecodeError):
        raise RequestError(f"{file} is cut short, damaged, or not ONNX at all; fetch or export it again") from None
    if not model.ir_version or not model.HasField("graph"):
        raise RequestError(f"{file} is not an ONNX model: it holds no graph; export it again")
    files = DataFiles(path.resolve().parent, path.name, content)
    _check(file, model, files)
    return Graph(model, files)


def _refuse_other_kinds(file: str, head: bytes) -> None:
    if not head:
        raise RequestError(f"{file} is empty; fetch or export it again")
    if head.startswith(b"version https://git-lfs"):
        raise RequestError(f"{file} is a Git LFS pointer, not the model; run: git lfs pull")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise RequestError(f"{file} is a web page, not a model; download the file itself")
    if head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x04")):
        raise RequestError(f"{file} is a zip or pickle file, as torch saves them, not ONNX; name it .pt to open it")


def _check(file: str, model: ModelProto, files: DataFiles) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            external_file(tensor, files.folder)
        held = len(files.content(tensor)) if tensor.raw_data or files.holds(tensor) else None
        if held is not None and held != stored_bytes(tensor):
            raise RequestError(
                f"{file}: initializer {tensor.name!r} holds {held} bytes where its shape "
                f"{list(tensor.dims)} takes {stored_bytes(tensor)}; export the model again"
            )
    refuse_endless(file, model)
    skeleton = declared_skeleton(model)
    for value in [*skeleton.graph.input, *skeleton.graph.output]:
        # The checker wants a shape, onnxruntime does not, and inference finds most of them.
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(skeleton)
    except (onnx.checker.ValidationError, ValueError) as problem:
        sentence = " ".join(str(problem).split())[:300]
        raise RequestError(f"{file} breaks the rules of ONNX: {sentence}; export the model again") from None
