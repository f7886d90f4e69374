"""Reads an ONNX file: its structure, and small weights; large ones stay in the file until they are asked for."""

from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

from inspector.core.errors import RequestError
from inspector.engine.onnx_model.checking import rule_broken
from inspector.engine.onnx_model.content import parse_model, read_content
from inspector.engine.onnx_model.damage import damage_in, unreadable_text
from inspector.engine.onnx_model.functions import refuse_endless
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import DataFiles
from inspector.engine.onnx_model.soundness import problem_of, refuse
from inspector.engine.onnx_model.wire import Content, WireError
from inspector.files.refusing import refused, refused_first
from inspector.files.sniff import HEAD, sniff
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
    except (OSError, ValueError) as failure:
        raise RequestError(f"{file} cannot be read: {failure}") from None
    head = content[:HEAD]
    stand_in = refused_first(head, Path(file))
    if stand_in is not None:
        raise stand_in
    try:
        model = parse_model(content, path.name)
    except (DecodeError, WireError, ValueError, UnicodeDecodeError):
        raise _not_onnx(file, path, head, content) from None
    if not model.ir_version or not model.HasField("graph"):
        raise _not_onnx(file, path, head, content)
    text = unreadable_text(model)
    if text is not None:
        raise _damaged(file, text)
    files = DataFiles(path.resolve().parent, path.name, content)
    problem = problem_of(model, files)
    if problem is None:
        refuse_endless(file, model)
        problem = rule_broken(model)
    if problem is not None:
        raise refuse(file, damage_in(content) or problem)
    return Graph(model, files)


def _not_onnx(file: str, path: Path, head: bytes, content: Content) -> RequestError:
    """What the file is, or where it is damaged."""
    other = sniff(head, path)
    if other is not None:
        kind = other.__name__.rpartition(".")[2].replace("_", " ")
        return RequestError(f"{file} is a file of tensors ({kind}), not ONNX; rename it, .onnx is no name for it")
    if head[:1] not in _FIRST_BYTES:
        return refused(head, Path(file))
    damage = damage_in(content)
    if damage is not None:
        return _damaged(file, damage)
    return RequestError(f"{file} is not an ONNX model: it holds no graph; export it again")


def _damaged(file: str, damage: str) -> RequestError:
    return RequestError(f"{file} is damaged or cut short: {damage}; fetch or export it again")


_FIRST_BYTES = {b"\x08", b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x32", b"\x3a", b"\x42"}
"""The tags of a ModelProto's fields; its first is the IR version, in practice."""
