"""What a file really is, by its first bytes."""

import stat
from importlib import import_module
from pathlib import Path
from types import ModuleType

from inspector.core.errors import RequestError

HEAD = 4096
FORMATS = (
    "zip_archive",
    "safetensors",
    "safetensors_index",
    "gguf",
    "numpy_array",
    "torch_distributed",
    "torch_tar",
    "torch_legacy",
)
"""Formats that can be opened, each a module of this folder with `sniff` and `open`; imported when asked."""
NAMING_FILES = ("safetensors_index", "torch_distributed")
"""Formats that name other files; their `open` takes `allow_outside`."""


def sniff(head: bytes, path: Path, formats: tuple[str, ...] = FORMATS) -> ModuleType | None:
    """The format of a file by its first `HEAD` bytes; None where it is none of `formats`."""
    modules = (import_module(f"inspector.files.{name}") for name in formats)
    return next((module for module in modules if module.sniff(head, path)), None)


def read_head(path: Path) -> bytes:
    """The first `HEAD` bytes; raises RequestError where it is no regular file or may not be read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
            named = next((name for is_kind, name in kinds if is_kind(mode)), "a device")
            raise RequestError(f"{path} is {named}, not a regular file; name a file of weights")
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except FileNotFoundError:
        raise RequestError(f"there is no file {path}; check the path (the current folder is {Path.cwd()})") from None
    except PermissionError:
        raise RequestError(f"{path} may not be read by this user; change its permissions or copy it") from None
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read: {error}") from error
