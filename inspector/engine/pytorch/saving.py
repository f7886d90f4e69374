"""Write a state_dict to a file, whole or not at all."""

import contextlib
import errno
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.results import SaveReport
from inspector.engine.user_paths import user_path

TORCH_SUFFIXES = (".pt", ".pth", ".params", ".bin", ".ckpt")


def save_state_dict(state: Mapping[str, Tensor], path: str, overwrite: bool) -> SaveReport:
    """Write `state` to `path` in the format of its suffix, every key loadable, values bit for bit, on the CPU.

    The file appears under its name only when it is complete; one that is replaced keeps its permissions. Raises
    RequestError for an unknown suffix, a file that exists (unless `overwrite`), tensors without values, a folder that
    cannot be written and a full disk; nothing is left behind then.
    """
    # A link is written through, not replaced.
    target = Path(os.path.realpath(user_path(path)))
    suffix = target.suffix.lower()
    if suffix != ".safetensors" and suffix not in TORCH_SUFFIXES:
        raise RequestError(
            f"{path}: a state_dict is saved as .safetensors, {', '.join(TORCH_SUFFIXES)}, not as "
            f"{suffix or 'a file without a suffix'}"
        )
    _refuse_place(target, path, overwrite)
    _refuse_values(state, path)
    values = _on_cpu(state)
    if suffix == ".safetensors":
        write = _safetensors_writer(values, path)
    else:

        def write(place: Path) -> None:
            # Through a file of Python's, whose errors say what went wrong; torch's own writer's do not.
            with place.open("wb") as stream:
                torch.save(values, stream)

    _replace(target, path, write)
    return SaveReport(
        path=path, tensors=sum(isinstance(value, Tensor) for value in values.values()), bytes=target.stat().st_size
    )


def _refuse_place(target: Path, path: str, overwrite: bool) -> None:
    if target.is_dir():
        raise RequestError(f"{path} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise RequestError(f"the folder {target.parent} does not exist; make it first or save elsewhere")
    if target.exists() and not overwrite:
        raise RequestError(f"{path} exists; allow it to be replaced (--overwrite), or save under another name")
    if target.exists() and not target.is_file():
        raise RequestError(f"{path} is not a regular file; save under another name")


def _refuse_values(state: Mapping[str, Any], path: str) -> None:
    empty = [key for key, value in state.items() if isinstance(value, Tensor) and (is_lazy(value) or value.is_meta)]
    if empty:
        shown = ", ".join(empty[:5]) + (" …" if len(empty) > 5 else "")
        raise RequestError(
            f"{path}: {shown} have no values yet (meta device or not initialised); run a forward pass or move the "
            "model to cpu before saving"
        )
    odd = [key for key, value in state.items() if not isinstance(value, Tensor) and not _is_plain(value)]
    if odd:
        raise RequestError(
            f"{path}: {', '.join(odd[:5])} (extra state of a module) is neither a tensor nor plain data, so a file "
            "with it could not be loaded safely; save from your own program"
        )


def _is_plain(value: Any) -> bool:
    """Whether the weights-only reader takes it."""
    if isinstance(value, dict):
        return all(_is_plain(part) for item in value.items() for part in item)
    if type(value) in (list, tuple, set):
        return all(_is_plain(item) for item in value)
    return isinstance(value, Tensor) or type(value) in (str, int, float, bool, bytes, complex, type(None))


def _on_cpu(state: Mapping[str, Any]) -> "OrderedDict[str, Any]":
    """The state with its tensors on the CPU, so that it opens on any machine; tied tensors stay tied."""
    moved: dict[object, Tensor] = {}
    values: OrderedDict[str, Any] = OrderedDict()
    for key, value in state.items():
        if not isinstance(value, Tensor):
            values[key] = value
            continue
        plain = value.detach()
        if plain.device.type != "cpu":
            same = (plain.device, plain.data_ptr(), plain.shape, plain.stride(), plain.dtype)
            plain = moved.setdefault(same, plain.cpu())
        values[key] = plain
    if hasattr(state, "_metadata"):
        # The versions by which modules convert old files.
        values._metadata = state._metadata  # type: ignore[attr-defined]
    return values


def _safetensors_writer(values: Mapping[str, Any], path: str) -> Callable[[Path], None]:
    odd = [
        key
        for key, value in values.items()
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized
    ]
    if odd:
        raise RequestError(
            f"{path}: safetensors holds dense tensors only, which {', '.join(odd[:5])} is not; save as .pt instead"
        )
    separate: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, value in values.items():
        # The format refuses tensors that share memory; copies keep every key loadable by any reader.
        storage = value.untyped_storage().data_ptr()
        shared = storage in seen and value.numel() > 0
        seen.add(storage)
        plain = value.resolve_conj().resolve_neg()
        separate[key] = plain.clone(memory_format=torch.contiguous_format) if shared else plain.contiguous()
    return lambda place: save_file(separate, place, metadata={"format": "pt"})


def _replace(target: Path, path: str, write: Callable[[Path], None]) -> None:
    """Write beside the target, force it to the disk, and only then give it the name."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        # Made here, so that it has the permissions that the user's umask gives.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        mode = (target if target.exists() else part).stat().st_mode & 0o7777
        write(part)
        part.chmod(mode)
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(target)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise RequestError(f"{path} could not be written: {_reason(target, error)}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _reason(target: Path, error: Exception) -> str:
    # safetensors puts the number into its text; torch raises its own error while it handles the system's.
    told = re.search(r"\(os error (\d+)\)", str(error))
    system = next((link for link in (error, error.__cause__, error.__context__) if isinstance(link, OSError)), None)
    number = int(told[1]) if told else system.errno if system else None
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {target.parent} is not writable; save elsewhere"
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room left for it in {target.parent}; free some or save elsewhere"
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:199] + "…"
