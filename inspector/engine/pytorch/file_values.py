"""The values of a file's state_dict as tensors over the mapped file, so that only what is used is ever read."""

import mmap
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inspector.core.errors import RequestError
from inspector.engine.arrays import tensor_over
from inspector.engine.pytorch.file_fit import FileFit
from inspector.files.catalog import CatalogTensor
from inspector.files.matching import Transfer
from inspector.files.values.reading import Array, map_part, read_tensor
from inspector.files.values.transferring import changed

_LOADED_BY_TORCH = ("torch-zip", "torch-legacy")
_INTEGERS_OF = ("qint8", "quint8", "qint32", "quint4x2", "quint2x4")
"""Dtypes of which a file's values are only the integers."""


class FileValues:
    """Reads the tensors of the state_dict that was chosen of a file, and what in it is no tensor."""

    def __init__(self, fit: FileFit) -> None:
        self._fit = fit
        self._mapped: dict[Path, memoryview | None] = {}
        self._loaded: Any = None

    def of(self, transfer: Transfer) -> Tensor:
        """What a transfer makes of the file's tensors. Raises RequestError where their values cannot be got."""
        tensors = [self._fit.tensors[key] for key in transfer.sources]
        if not transfer.changes and not _is_mapped(tensors[0]):
            entry = self.entry(transfer.sources[0])
            if isinstance(entry, Tensor):
                return entry
        return tensor_over(changed([self._array(tensor) for tensor in tensors], transfer.changes))

    def mapped(self, key: str) -> Tensor | None:
        """The tensor under a key of the file; None where mapping cannot give it."""
        tensor = self._fit.tensors[key]
        try:
            return tensor_over(self._array(tensor)) if _is_mapped(tensor) else None
        except RequestError:
            return None

    def entry(self, key: str) -> Any:
        """What ``torch.load(weights_only=True)`` finds under a key of the file; None where there is no such thing.

        Raises RequestError where it refuses the file.
        """
        if self._fit.catalog.format not in _LOADED_BY_TORCH:
            return None
        if self._loaded is None:
            self._loaded = self._load(key)
        held = self._loaded
        tensor = self._fit.tensors.get(key)
        parts = (*tensor.container, tensor.name) if tensor else (*self._fit.chosen.path, key)
        for part in parts:
            held = held.get(part) if isinstance(held, dict) else None
        return held

    def _load(self, key: str) -> Any:
        catalog = self._fit.catalog
        try:
            # From a stream, since torch takes a name that ends in .safetensors for more than a name.
            with Path(catalog.path).open("rb") as stream:
                return torch.load(stream, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            unsafe = ", ".join(catalog.unsafe_globals[:6]) + (" …" if len(catalog.unsafe_globals) > 6 else "")
            why = f"and the file also names {unsafe}" if unsafe else f"which refuses the file: {first_line(error)}"
            raise RequestError(
                f"{catalog.path}: {key} is kept in a way that only PyTorch's safe reader knows, {why}; where you trust "
                "the file, load it yourself and save only its state_dict: torch.save(model.state_dict(), 'weights.pt')"
            ) from error
        except (RuntimeError, EOFError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise RequestError(
                f"{catalog.path} cannot be read: {first_line(error)}; fetch or save the file again"
            ) from error

    def _array(self, tensor: CatalogTensor) -> Array:
        return read_tensor(self._fit.catalog, tensor, self._bytes)

    def _bytes(self, path: Path, begin: int, count: int) -> memoryview:
        """From one mapping a file, since each takes a file descriptor for as long as its tensors live."""
        if path not in self._mapped:
            self._mapped[path] = _whole(path)
        whole = self._mapped[path]
        return map_part(path, begin, count) if whole is None else whole[begin : begin + count]


def first_line(error: Exception) -> str:
    """What an exception says, in one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"


def _whole(path: Path) -> memoryview | None:
    """A private mapping, so that whatever a model's hooks do to a tensor stays in this process.

    None where the kernel does not grant as much, which it accounts as memory.
    """
    try:
        with path.open("rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
    except OSError:
        return None


def _is_mapped(tensor: CatalogTensor) -> bool:
    return tensor.layout == "strided" and tensor.dtype not in _INTEGERS_OF
