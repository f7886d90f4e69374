"""What a file really is, by its first bytes, and the sentence for each thing that is not a file of tensors."""

import re
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Literal

from inspector.core.errors import RequestError
from inspector.files import safetensors, safetensors_index, torch_legacy, torch_zip

HEAD = 4096
FORMATS: dict[str, ModuleType] = {
    "zip": torch_zip,
    "safetensors": safetensors,
    "index": safetensors_index,
    "legacy": torch_legacy,
}
"""Formats that can be opened, each a module with `sniff` and `open`."""

Kind = Literal["zip", "legacy", "safetensors", "index", "empty", "lfs", "html", "tar", "onnx", "unknown"]


def sniff(path: Path) -> Kind:
    """Tell what the file is by its content; raises RequestError where it cannot be read at all."""
    head = _head(path)
    if not head:
        return "empty"
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "lfs"
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", head, re.IGNORECASE):
        return "html"
    for kind, module in FORMATS.items():
        if module.sniff(head, path):
            return kind  # type: ignore[return-value]
    if head[257:262] == b"ustar":
        return "tar"
    # ModelProto: field 1, ir_version, as a small varint; then a field with a string or a message.
    if (
        len(head) > 3
        and head[0] == 0x08
        and 0 < head[1] < 0x20
        and head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42)
    ):
        return "onnx"
    return "unknown"


def refuse(kind: Kind, path: Path) -> RequestError:
    """The sentence for a file that is not a file of tensors."""
    size = path.stat().st_size
    head = _head(path)
    match kind:
        case "empty":
            text = f"{path} is empty (0 bytes): the download or copy failed; fetch the file again"
        case "lfs":
            found = re.search(rb"^size (\d+)", head, re.MULTILINE)
            real = f" of {int(found[1]):,} bytes" if found else ""
            text = f"{path} is a git-LFS pointer, not the file itself{real}: run `git lfs pull` in its folder"
        case "html":
            text = f"{path} is a web page (HTML), not a file of weights: fetch the file itself, not the page about it"
        case "tar" if _is_torch_tar(path):
            text = (
                f"{path} is in the tar format of PyTorch 0.1; load it with the PyTorch it came from and save it again"
            )
        case "tar":
            text = f"{path} is a tar archive, not a file of weights; unpack it and open what is inside"
        case "onnx":
            text = f"{path} is an ONNX model, not a file of weights; open it as TARGET, named .onnx"
        case _:
            shown = head[:8].hex(" ")
            text = (
                f"{path} is not a checkpoint: neither PyTorch nor safetensors begin with {shown} ({size:,} bytes); "
                "check that it is the right file and that it is whole"
            )
    return RequestError(text)


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise RequestError(f"{path} is a folder; name the file of weights in it")
        if path.exists() and not path.is_file():
            raise RequestError(f"{path} is not a regular file; name a file of weights")
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except FileNotFoundError:
        raise RequestError(f"there is no file {path}; check the path (the current folder is {Path.cwd()})") from None
    except PermissionError:
        raise RequestError(f"{path} may not be read by this user; change its permissions or copy it") from None
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from error


def _is_torch_tar(path: Path) -> bool:
    try:
        with tarfile.open(path) as archive:
            return {"storages", "tensors", "pickle"} <= set(archive.getnames())
    except (tarfile.TarError, OSError, EOFError):
        return False
