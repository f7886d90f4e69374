"""Works a call on meta tensors out once: the next one on the same shapes, strides, dtypes and settings is known.

Deep networks repeat themselves, and on meta a normalisation or an activation takes longer than a convolution, since
torch runs those in Python. What comes back is what torch made the first time: new tensors of the same shapes, or the
very arguments that an in-place function returns. A view is made by torch each time, for it shares its argument's
memory.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from inspector.engine.pytorch.costs import OperationCounter
from inspector.engine.pytorch.known_shapes import QUICKER_THAN_LOOKED_UP, contiguous_strides, known_result
from inspector.engine.pytorch.op_calls import canonical_name

Run = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
MOST_KNOWN = 20_000
"""A kilobyte or two each."""
_PLAIN = (torch.dtype, torch.Size, torch.device, torch.memory_format, torch.layout)
_ELEMENTWISE = {
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "logsigmoid",
    "tanh", "hardswish", "hardsigmoid", "hardtanh", "softplus", "dropout", "add", "iadd", "radd", "sub", "isub", "mul",
    "imul", "rmul", "div", "idiv", "truediv", "batch_norm",
}  # fmt: skip
"""Functions to which sizes matter only by which of them are equal and which are 1."""


class _New(NamedTuple):
    """A tensor that the call made."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class _Outcome(NamedTuple):
    """What a call came to."""

    parts: list[_New | int | None] | None
    """New tensors, the numbers of arguments given back, or None; None for all where torch has to make it each time."""
    kind: type | None
    """The sequence that holds the parts; None for a single tensor."""
    flops: int


class _Memo(NamedTuple):
    """What calls came to in passes so far. It is the same for every model."""

    known: dict[Any, _Outcome]
    alike: dict[Any, int]
    """Of elementwise calls, by what matters to them: the argument that the result is like, ~n for itself."""
    asking: set[Any]
    """Functions that return no tensor: they ask, or write into one."""

    def keep_small(self) -> None:
        """Forget it all rather than keep more than MOST_KNOWN calls."""
        if max(len(part) for part in self) > MOST_KNOWN:
            for part in self:
                part.clear()


_COUNTED, _UNCOUNTED = (_Memo({}, {}, set()) for _ in range(2))
"""Of passes that count operations, and of those that do not."""


class RepeatedCalls:
    """The calls of one pass; `counter` is told of the operations of those that are not run again."""

    def __init__(self, run: Run, counter: OperationCounter | None) -> None:
        self._run = run
        self._counter = counter
        memo = _COUNTED if counter is not None else _UNCOUNTED
        memo.keep_small()
        self._known, self._alike, self._asking = memo

    def __call__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `func` returns for these arguments. Raises what it raises."""
        if func in self._asking or not _is_plain_moment() or not _is_of_torch(func):
            return self._run(func, args, kwargs)
        if func in QUICKER_THAN_LOOKED_UP and (known := known_result(func, args, kwargs)) is not None:
            with _NO_DISPATCH():
                return _empty(_New(*known.tensors[0], known.dtype))
        tensors: list[torch.Tensor] = []
        try:
            key = (func, torch.get_default_dtype(), _described((args, kwargs), tensors, _exactly), _twins(tensors))
            outcome = self._known.get(key)
        except (TypeError, RuntimeError):  # something that has no hash, or a tensor that has no strides
            return self._run(func, args, kwargs)
        if outcome is None:
            return self._first(func, args, kwargs, key, tensors)
        if outcome.parts is not None:
            return self._given(outcome, key, tensors)
        with _NO_DISPATCH():
            if self._counter is not None and outcome.flops:
                self._counter.add(outcome.flops)
            return self._run(func, args, kwargs)

    def _given(self, outcome: _Outcome, key: Any, tensors: list[torch.Tensor]) -> Any:
        """The result without running anything."""
        self._known[key] = outcome
        if self._counter is not None and outcome.flops:
            self._counter.add(outcome.flops)
        with _NO_DISPATCH():  # the counter would take longer over a new tensor than making it takes
            return _again(outcome, tensors)

    def _first(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any, tensors: list[torch.Tensor]
    ) -> Any:
        alike = None
        known = known_result(func, args, kwargs)
        if known is not None:
            parts: list[_New | int | None] = [_New(shape, stride, known.dtype) for shape, stride in known.tensors]
            return self._given(_Outcome(parts, tuple if known.several else None, known.flops), key, tensors)
        if canonical_name(func) in _ELEMENTWISE:
            alike = _alike(func, args, kwargs)
            place = None if alike is None else self._alike.get(alike)
            if place is not None:
                part = ~place if place < 0 else _metadata(tensors[place])
                return self._given(_Outcome([part], None, 0), key, tensors)
        before = self._counter.total if self._counter is not None else 0
        result = self._run(func, args, kwargs)
        flops = self._counter.total - before if self._counter is not None else 0
        outcome = _outcome(result, tensors, flops)
        if outcome is None:
            self._asking.add(func)
        elif _described((args, kwargs), [], _exactly) == key[2]:
            # Otherwise it changed an argument's shape or flags, and has to do so each time.
            self._known[key] = outcome
            if alike is not None and outcome.parts is not None and outcome.kind is None and not flops:
                place = _likeness(outcome.parts[0], tensors)
                if place is not None:
                    self._alike[alike] = place
        return result


@cache
def _is_of_torch(func: Any) -> bool:
    """Whether torch wrote a function: a user's own may do more than return something."""
    owner = getattr(func, "__objclass__", None) or getattr(func, "__self__", None)
    module = getattr(func, "__module__", None) or getattr(owner, "__module__", None) or type(owner).__module__
    return str(module).partition(".")[0] == "torch"


def _described(value: Any, tensors: list[torch.Tensor], describe: Callable[[torch.Tensor], Any]) -> Any:
    """What a result depends on, as something that can be looked up; the tensors in it are added to `tensors`.

    Raises TypeError for what cannot be looked up.
    """
    kind = type(value)
    if kind is torch.Tensor or kind is nn.Parameter:
        tensors.append(value)
        return describe(value)
    if value is None or kind is int or kind is str:
        return value
    if kind is tuple or kind is list:
        return (kind, *[_described(part, tensors, describe) for part in value])
    if kind is bool or kind is float:
        # 1, 1.0 and True are equal to a dictionary.
        return (kind, value)
    if kind is dict:
        return (kind, *[(name, _described(part, tensors, describe)) for name, part in value.items()])
    if kind in _PLAIN:
        return value
    raise TypeError(f"a call with a {kind.__name__} is not looked up")


def _twins(tensors: list[torch.Tensor]) -> tuple[int, ...]:
    """Which arguments are the same tensor, as the one written into may be one of those read."""
    numbers = list(map(id, tensors))
    return tuple(map(numbers.index, numbers)) if len(set(numbers)) < len(numbers) else ()


def _alike(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What matters to an elementwise call; None where it is not known to be only that."""
    tensors: list[torch.Tensor] = []
    try:
        return (func, torch.get_default_dtype(), _described((args, kwargs), tensors, _Pattern()), _twins(tensors))
    except TypeError:
        return None


def _exactly(tensor: torch.Tensor) -> Any:
    return (tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad, tensor.is_meta)


class _Pattern:
    """Describes tensors by which of their sizes are equal, and which are 0 or 1."""

    def __init__(self) -> None:
        self._sizes = {0: 0, 1: 1}

    def __call__(self, tensor: torch.Tensor) -> Any:
        shape = tensor.shape
        if not tensor.is_meta or tensor.stride() != contiguous_strides(shape):
            # Its sizes and strides matter in other ways, also beside those of the others.
            raise TypeError("not laid out row by row")
        sizes = self._sizes
        return (tuple([sizes.setdefault(size, len(sizes)) for size in shape]), tensor.dtype)


def _outcome(result: Any, tensors: list[torch.Tensor], flops: int) -> _Outcome | None:
    """What a call came to; None where it returned no tensors."""
    kind = None if type(result) is torch.Tensor or type(result) is nn.Parameter else type(result)
    if kind is not None and not issubclass(kind, tuple | list):
        return None
    outputs = [result] if kind is None else list(result)
    if not all(output is None or type(output) in (torch.Tensor, nn.Parameter) for output in outputs):
        return None if kind is None or not outputs else _Outcome(None, None, flops)
    memory = {_storage(tensor) for tensor in tensors}
    parts: list[_New | int | None] = []
    for output in outputs:
        if output is None:
            parts.append(None)
            continue
        place = next((number for number, tensor in enumerate(tensors) if tensor is output), None)
        if place is None and (not _is_ordinary(output) or _storage(output) in memory):
            return _Outcome(None, None, flops)
        memory.add(_storage(output))
        parts.append(_metadata(output) if place is None else place)
    return _Outcome(parts, kind, flops)


def _is_ordinary(tensor: torch.Tensor) -> bool:
    """Whether `_empty` makes one like it."""
    special = tensor.is_quantized or tensor.is_conj() or tensor.is_neg() or tensor.requires_grad
    return tensor.is_meta and tensor.layout == torch.strided and not special and tensor.storage_offset() == 0


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _metadata(tensor: torch.Tensor) -> _New:
    return _New(tensor.shape, tensor.stride(), tensor.dtype)


def _likeness(part: _New | int | None, tensors: list[torch.Tensor]) -> int | None:
    if isinstance(part, int):
        return ~part
    return next((number for number, tensor in enumerate(tensors) if _metadata(tensor) == part), None)


def _again(outcome: _Outcome, tensors: list[torch.Tensor]) -> Any:
    assert outcome.parts is not None
    made = [tensors[part] if isinstance(part, int) else part and _empty(part) for part in outcome.parts]
    return made[0] if outcome.kind is None else outcome.kind(made)


def _empty(part: _New) -> torch.Tensor:
    return torch.empty_strided(part.shape, part.stride, dtype=part.dtype, device="meta")


# What follows is private to torch. Where a version lacks it, every call is run.

_ANY_AUTOCAST: Any = getattr(torch._C, "_is_any_autocast_enabled", None)
_TRANSFORMATION: Any = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", None)
_NO_DISPATCH: Any = getattr(torch._C, "_DisableTorchDispatch", None)


def autocasting() -> bool:
    """Whether torch.autocast is on, for any device."""
    return _ANY_AUTOCAST is not None and bool(_ANY_AUTOCAST())


def is_transforming() -> bool:
    """Whether this is inside vmap, grad or the like, where tensors stand for many."""
    return _TRANSFORMATION is not None and _TRANSFORMATION() is not None


def _is_plain_moment() -> bool:
    """Whether results depend on the arguments alone: no gradients, no autocast, not inside vmap or the like."""
    if None in (_ANY_AUTOCAST, _TRANSFORMATION, _NO_DISPATCH) or torch.is_grad_enabled():
        return False
    return not _ANY_AUTOCAST() and _TRANSFORMATION() is None
