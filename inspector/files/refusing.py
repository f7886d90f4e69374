"""The sentence for each thing that is taken for a checkpoint and is none."""

import re
from collections.abc import Callable
from pathlib import Path

from inspector.core.errors import RequestError

_FETCH = "fetch the file itself"
_Refusal = Callable[[bytes, Path], str | None]


def refused_first(head: bytes, path: Path) -> RequestError | None:
    """The sentence for what only looks like a format that can be opened, or stands in for a file; else None."""
    return _first((_empty, _lfs, _page, _unfilled), head, path)


def refused(head: bytes, path: Path) -> RequestError:
    """The sentence for a file of no format that can be opened."""
    found = _first((_by_magic, _onnx, _json, _python, _text), head, path)
    if found is not None:
        return found
    return RequestError(
        f"{path} is not a checkpoint: it begins with {head[:8].hex(' ')}, as no known format does "
        f"({path.stat().st_size:,} bytes); check that it is the right file and that it is whole"
    )


def _first(refusals: tuple[_Refusal, ...], head: bytes, path: Path) -> RequestError | None:
    texts = (refusal(head, path) for refusal in refusals)
    return next((RequestError(f"{path} {text}") for text in texts if text is not None), None)


def _empty(head: bytes, path: Path) -> str | None:
    return None if head else "is empty (0 bytes): the download or copy failed; fetch the file again"


def _lfs(head: bytes, path: Path) -> str | None:
    if not head.startswith(b"version https://git-lfs.github.com/spec/"):
        return None
    found = re.search(rb"^size (\d{1,18})$", head, re.MULTILINE)
    real = f" of {int(found[1]):,} bytes" if found else ""
    return f"is a git-LFS pointer, not the file itself{real}: run `git lfs pull` in its folder"


def _page(head: bytes, path: Path) -> str | None:
    start = head[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return f"is a web page (HTML), not a file of weights: {_FETCH}, not the page about it"
    if start.startswith((b"<?xml", b"<error")):
        found = re.search(rb"<message>([^<]{1,200})</message>", head, re.IGNORECASE)
        if found or b"<error" in start or b"<code>" in head.lower():
            told = f" ({printed(found[1])})" if found else ""
            return (
                f"is a server's error message in XML{told}, not a file of weights: {_FETCH}, perhaps after signing in"
            )
        return f"is an XML file, not a file of weights: {_FETCH}"
    return None


def _unfilled(head: bytes, path: Path) -> str | None:
    if head.count(0) != len(head) or len(head) < 16:
        return None
    return "begins with zeros only: the download or copy has reserved its room and not filled it; fetch the file again"


_MAGICS: tuple[tuple[bytes, int, str], ...] = (
    (b"\x1f\x8b", 0, "is compressed by gzip; unpack it (gunzip) and open what is inside"),
    (b"BZh", 0, "is compressed by bzip2; unpack it (bunzip2) and open what is inside"),
    (b"\xfd7zXZ\0", 0, "is compressed by xz; unpack it (unxz) and open what is inside"),
    (b"\x28\xb5\x2f\xfd", 0, "is compressed by zstd; unpack it (unzstd) and open what is inside"),
    (b"\x04\x22\x4d\x18", 0, "is compressed by lz4; unpack it (unlz4) and open what is inside"),
    (b"7z\xbc\xaf\x27\x1c", 0, "is a 7-Zip archive; unpack it (7z x) and open what is inside"),
    (b"Rar!\x1a\x07", 0, "is a RAR archive; unpack it (unrar x) and open what is inside"),
    (b"ustar", 257, "is a tar archive, not a file of weights; unpack it (tar -xf) and open what is inside"),
    (b"\x89HDF\r\n\x1a\n", 0, "is an HDF5 file, as of Keras; load it with Keras or h5py and save its arrays to .npz"),
    (b"TFL3", 4, "is a TensorFlow Lite model, not a PyTorch checkpoint; convert it, for example to ONNX with tf2onnx"),
    (b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", -48, "is the index of a TensorFlow checkpoint; load it with TensorFlow and "
     "save its variables to .npz"),
    (b"ggjt", 0, "is in the format before GGUF; convert it with llama.cpp"),
    (b"tjgg", 0, "is in the format before GGUF (ggjt); convert it with llama.cpp"),
    (b"lmgg", 0, "is in the format before GGUF (ggml); convert it with llama.cpp"),
    (b"%PDF", 0, "is a PDF document, not a file of weights; check that it is the right file"),
    (b"\x89PNG", 0, "is a picture (PNG), not a file of weights; check that it is the right file"),
    (b"\xff\xd8\xff", 0, "is a picture (JPEG), not a file of weights; check that it is the right file"),
    (b"SQLite format 3\0", 0, "is a SQLite database, not a file of weights; check that it is the right file"),
    (b"\x7fELF", 0, "is a program or library (ELF), not a file of weights; check that it is the right file"),
    (b"PAR1", 0, "is a Parquet table, not a file of weights; check that it is the right file"),
)  # fmt: skip
"""Signature, where it stands (from the end where negative), and what the file is."""


def _by_magic(head: bytes, path: Path) -> str | None:
    for signature, place, text in _MAGICS:
        if place >= 0 and head.startswith(signature, place):
            return text
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 48))
        tail = stream.read(48)
    for signature, place, text in _MAGICS:
        if place < 0 and tail.endswith(signature):
            return text
    if head[:1] in (b"\x81", b"\x82", b"\x83", b"\x84", b"\x85", b"\xde", b"\xdf") and re.search(
        rb"params|kernel|bias|step|opt_state", head
    ):
        return "is in Flax's format (MessagePack); load it with flax.serialization and save its arrays to .npz"
    if (head[:1] == b"\x08" and b"saved_model" in head) or (
        re.match(rb"\x08\x01\x12.{1,8}\x0a", head, re.DOTALL) and b"serve" in head
    ):
        return "is a TensorFlow SavedModel, not a PyTorch checkpoint; convert it, for example to ONNX with tf2onnx"
    return None


def _onnx(head: bytes, path: Path) -> str | None:
    # ModelProto: field 1, ir_version, as a small varint; then a field with a string or a message.
    known = len(head) > 3 and head[0] == 0x08 and 0 < head[1] < 0x20
    if known and head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42):
        return "is an ONNX model, not a file of weights; open it as TARGET, named .onnx"
    return None


def _json(head: bytes, path: Path) -> str | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith((b"{", b"[")) or not _is_text(head):
        return None
    told = re.search(
        rb'"(?:error|message|detail)"\s*:\s*(?:\{[^{}]*?"message"\s*:\s*)?"((?:[^"\\]|\\.){1,200})"', start
    )
    if re.match(rb'\{\s*"(error|errors|message|detail|code|status)"', start):
        said = f' ("{printed(told[1])}")' if told else ""
        return f"is a server's error message in JSON{said}, not a file of weights: {_FETCH}, perhaps after signing in"
    if b'"architectures"' in head or b'"model_type"' in head:
        return "is a model's configuration (JSON), not its weights; name the file of weights beside it"
    return "is a JSON file, not a file of weights; name the file of weights itself"


def _python(head: bytes, path: Path) -> str | None:
    if not _is_text(head) or not re.search(
        rb"^(import \w|from [\w.]+ import |class \w+|def \w+\()", head, re.MULTILINE
    ):
        return None
    return "is Python source, not a file of weights; name it with the ending .py to open the model in it"


def _text(head: bytes, path: Path) -> str | None:
    if not _is_text(head):
        return None
    line = printed(head.lstrip().partition(b"\n")[0])
    return f'is a text file that begins "{line}", not a file of weights; check that it is the right file'


def _is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters, up to a character that may be cut off."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return False
        text = head[: error.start].decode("utf-8")
    return not re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text)


def printed(text: bytes) -> str:
    """Text of the file as it can stand in a sentence: one line, short, without control characters."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:240].decode("utf-8", "replace"))
    return shown if len(shown) <= 60 else shown[:59] + "…"
