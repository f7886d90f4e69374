"""What a torch function is called in the user's source: ``F.relu``, ``x.view``, ``+``, ``torch.cat``."""

import dis
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

import torch
from torch.nn import functional

_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "true_divide": "/", "floor_divide": "//",
    "remainder": "%", "pow": "**",
    "matmul": "@", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "and": "&", "or": "|", "xor": "^",
    "truediv": "/", "floordiv": "//", "mod": "%", "lshift": "<<", "rshift": ">>", "rsub": "-", "rdiv": "/",
    "rtruediv": "/",
    "rpow": "**", "rmatmul": "@", "rfloordiv": "//", "rmod": "%", "radd": "+", "rmul": "*",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_UNARY = {"neg": "-x", "invert": "~x", "bitwise_not": "~x"}
_BINARY_OPCODES = {dis.opmap[name] for name in ("BINARY_OP", "COMPARE_OP") if name in dis.opmap}
_UNARY_OPCODES = {dis.opmap[name] for name in ("UNARY_NEGATIVE", "UNARY_INVERT") if name in dis.opmap}
_INVISIBLE = {
    "__get__", "__set__", "__delete__", "__len__", "__bool__", "__iter__", "__hash__", "__repr__", "__format__",
    "__contains__",
    "size", "dim", "numel", "stride", "is_contiguous", "requires_grad_", "is_floating_point", "item", "tolist",
    "__index__",
    "__int__", "__float__", "is_complex", "data_ptr", "element_size", "ndimension", "get_device", "__array__",
    "__deepcopy__",
    "is_tensor", "register_hook", "storage_offset",
}  # fmt: skip
_ITEMS = {"__getitem__": "x[…]", "__setitem__": "x[…] ="}
_TENSOR_PROPERTIES = {"T", "mT", "H", "mH", "data", "real", "imag"}


def called_name(function: Callable[..., Any], frame: FrameType) -> str | None:
    """The name as the line in `frame` writes it: ``+`` and ``x.add`` reach torch as the same function.

    None for what only asks about a tensor (``x.shape``, ``x.size()``) and makes none.
    """
    bare = getattr(function, "__name__", "").strip("_")
    if bare in _OPERATORS or bare in _UNARY:
        opcode = frame.f_code.co_code[frame.f_lasti]
        if opcode in _BINARY_OPCODES and bare in _OPERATORS:
            name = getattr(function, "__name__", "")
            in_place = (name.endswith("_") and not name.endswith("__")) or (name.startswith("__i") and bare != "invert")
            return _OPERATORS[bare] + ("=" if in_place else "")
        if opcode in _UNARY_OPCODES and bare in _UNARY:
            return _UNARY[bare]
    return _function_name(function)


@cache
def _function_name(function: Callable[..., Any]) -> str | None:
    name = getattr(function, "__name__", None)
    if name is None:
        return None
    if name == "__get__":
        # A property of Tensor: the descriptor knows which.
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
        return f"x.{attribute}" if attribute in _TENSOR_PROPERTIES else None
    if name in _INVISIBLE:
        return None
    if name in _ITEMS:
        return _ITEMS[name]
    if is_tensor_method(function):
        return f"x.{name}"
    public = name.lstrip("_")
    if getattr(functional, public, None) is not None and _is_functional(function, public):
        return f"F.{public.removesuffix('_with_indices')}"
    return f"torch.{public}"


def is_tensor_method(function: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor."""
    name = getattr(function, "__name__", "")
    return getattr(torch.Tensor, name, None) is function


def _is_functional(function: Callable[..., Any], public: str) -> bool:
    module = getattr(function, "__module__", "") or ""
    if module.startswith(("torch.nn.functional", "torch._jit_internal")):
        return True
    return getattr(functional, public, None) is function or getattr(torch, public, None) is not function
