"""Write a state_dict to a file, whole or not at all."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.results import SaveReport
from inspector.engine.user_paths import user_path
from inspector.files.writing import refuse_place, resolved, write_whole

TORCH_SUFFIXES = (".pt", ".pth", ".params", ".bin", ".ckpt")


def save_state_dict(state: Mapping[str, Tensor], path: str, overwrite: bool) -> SaveReport:
    """Write `state` to `path` in the format of its suffix, every key loadable, values bit for bit, on the CPU.

    The file appears under its name only when it is complete; one that is replaced keeps its permissions. Raises
    RequestError for an unknown suffix, a file that exists (unless `overwrite`), tensors without values, a folder that
    cannot be written and a full disk; nothing is left behind then.
    """
    target = resolved(user_path(path))
    suffix = target.suffix.lower()
    if suffix != ".safetensors" and suffix not in TORCH_SUFFIXES:
        raise RequestError(
            f"{path}: a state_dict is saved as .safetensors, {', '.join(TORCH_SUFFIXES)}, not as "
            f"{suffix or 'a file without a suffix'}"
        )
    refuse_place(target, path, overwrite)
    _refuse_values(state, path)
    values = _on_cpu(state)
    if suffix == ".safetensors":
        write = _safetensors_writer(values, path)
    else:

        def write(place: Path) -> None:
            # Through a file of Python's, whose errors say what went wrong; torch's own writer's do not.
            with place.open("wb") as stream:
                torch.save(values, stream)

    write_whole(target, path, write)
    tensors = sum(isinstance(value, Tensor) for value in values.values())
    return SaveReport(path=path, tensors=tensors, bytes=target.stat().st_size, files=[path])


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
