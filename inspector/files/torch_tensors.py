"""Tensors among the inert records of a torch pickle.

A tensor is a recorded call of one of the rebuild functions of ``torch/_utils.py``; its storage is a persistent
reference ``('storage', type, key, location, elements)``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from inspector.files.dtypes import ITEM_BYTES, STORAGE_DTYPES
from inspector.files.inert_pickle import Call, Global, Persistent
from inspector.files.pickled_text import text_of

MAX_DIMENSIONS = 64
MAX_ELEMENTS = 2**63 - 1
"""Sizes, strides and offsets are signed 64-bit numbers in torch, and so is their product."""
_WRAPPED = 8


@dataclass(frozen=True, slots=True)
class View:
    """What a recorded call says of the tensor that it would build."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    storage: str | None
    device: str
    requires_grad: bool = False
    layout: str = "strided"
    conjugated: bool = False
    negated: bool = False
    stored_bytes: int | None = None
    """Of a sparse tensor; None where its elements are all there."""
    storage_bytes: int = 0
    quantised: str = ""
    """What a stored integer q stands for, where the tensor is quantised."""

    @property
    def elements(self) -> int:
        """The product of its sizes."""
        return prod(self.shape)


def view(value: Any, depth: int = 0) -> View | None:
    """The tensor that a recorded call would build; None where it is not one, or not well-formed."""
    if not isinstance(value, Call) or not isinstance(value.args, tuple) or depth > _WRAPPED:
        return None
    try:
        return _view(value.path, value.args, depth)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, StopIteration):
        return None


def sizes(value: Any) -> tuple[int, ...]:
    """The numbers of a shape or of strides; raises ValueError where they are none that torch can have."""
    if isinstance(value, Call) and value.path == "torch.Size":
        value = value.args[0]
    if not isinstance(value, list | tuple) or len(value) > MAX_DIMENSIONS:
        raise ValueError("not sizes")
    if not all(isinstance(size, int) and 0 <= size <= MAX_ELEMENTS for size in value):
        raise ValueError("not sizes")
    return tuple(int(size) for size in value)


def dtype_name(value: Any) -> str:
    """The name of a dtype that the pickle names; raises ValueError where it is something else."""
    if isinstance(value, Global) and value.module == "torch" and value.name in ITEM_BYTES:
        return value.name
    raise ValueError("not a dtype")


def stored_bytes(persistents: Iterable[Persistent]) -> dict[str, int]:
    """The bytes of each storage that a pickle refers to, also of those of no tensor that is understood, by its key."""
    found: dict[str, int] = {}
    for one in persistents:
        try:
            kind, storage_type, key, _, count, *_ = one.identity
            if kind == "storage":
                found[text_of(key)] = sizes([count])[0] * ITEM_BYTES[STORAGE_DTYPES[storage_type.name]]
        except (TypeError, ValueError, KeyError, AttributeError):
            continue
    return found


def _view(path: str, args: tuple[Any, ...], depth: int) -> View | None:
    if path == "torch._tensor._rebuild_from_type_v2":
        return view(Call(args[0], args[2]), depth + 1)
    if path in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
        data = view(args[0], depth + 1)
        return data and replace(data, requires_grad=args[1] is True)
    if path in (
        "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        "torch._utils._rebuild_device_tensor_from_numpy",
    ):
        data = view(args[0], depth + 1)
        return data and replace(data, device=text_of(args[2]))
    if path == "torch._utils._rebuild_meta_tensor_no_storage":
        return View(dtype_name(args[0]), sizes(args[1]), sizes(args[2]), 0, None, "meta", args[3] is True)
    if path == "torch._utils._rebuild_wrapper_subclass":
        offset = sizes([args[4]])[0]
        return View(dtype_name(args[1]), sizes(args[2]), sizes(args[3]), offset, None, text_of(args[6]))
    if path == "torch._utils._rebuild_sparse_tensor":
        return _sparse(args, depth)
    if path in (
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_qtensor",
    ):
        return _strided(path, args)
    return None


def _strided(path: str, args: tuple[Any, ...]) -> View:
    kind, storage_type, key, location, count, *more = args[0].identity
    if kind != "storage" or not isinstance(storage_type, Global):
        raise ValueError("not a storage")
    (count,) = sizes([count])
    stored = STORAGE_DTYPES[storage_type.name]
    dtype = dtype_name(args[6]) if path.endswith("_v3") else stored
    (offset,), shape, strides = sizes([args[1]]), sizes(args[2]), sizes(args[3])
    if more and more[0] is not None:
        # Files from before torch 0.4 keep views of storages: (key, offset, size).
        offset += sizes([more[0][1]])[0]
    if len(shape) != len(strides):
        raise ValueError("not a view")
    # Of such a view torch keeps the values as they were before.
    told = args[7:] if path.endswith("_v3") else args[6:] if path.endswith("_v2") else ()
    noted = told[0] if told and isinstance(told[0], dict) else {}
    gradient = args[5] if path.endswith("qtensor") else args[4] if len(args) > 4 else False
    return View(
        dtype,
        shape,
        strides,
        offset,
        text_of(key),
        text_of(location),
        gradient is True,
        conjugated=noted.get("conj") is True,
        negated=noted.get("neg") is True,
        storage_bytes=count * ITEM_BYTES[stored],
        quantised=_quantised(args[4]) if path.endswith("qtensor") else "",
    )


def _quantised(quantizer: Any) -> str:
    """Source: ``torch._utils._rebuild_qtensor``."""
    scheme, *numbers = quantizer if isinstance(quantizer, tuple) and quantizer else (None,)
    if isinstance(scheme, Global) and scheme.name == "per_tensor_affine" and len(numbers) == 2:
        scale, zero_point = numbers
        if isinstance(scale, float) and isinstance(zero_point, int):
            return f"{scale:.6g}·(q − {zero_point})" if zero_point >= 0 else f"{scale:.6g}·(q + {-zero_point})"
    if isinstance(scheme, Global) and scheme.name.startswith("per_channel") and isinstance(numbers[-1], int):
        return f"scale·(q − zero point), with a scale and a zero point for each index of axis {numbers[-1]}"
    return "not known"


def _sparse(args: tuple[Any, ...], depth: int) -> View | None:
    if len(args[1]) > _WRAPPED:
        return None
    layout = text_of(args[0].args[0]).removeprefix("torch.")
    parts = [part for part in (view(item, depth + 1) for item in args[1]) if part]
    size = next(item for item in args[1] if isinstance(item, Call) and item.path == "torch.Size")
    stored = sum(part.elements * ITEM_BYTES[part.dtype] for part in parts)
    # The values come after the indices in every sparse layout.
    return View(parts[-1].dtype, sizes(size), (), 0, None, parts[-1].device, layout=layout, stored_bytes=stored)
