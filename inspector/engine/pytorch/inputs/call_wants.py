"""What each torch function wants of its operands: one short function for each family, in a registry.

Asked of a call that failed, it says what would have been taken instead; where a call cannot be the reason, nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.wants import Want
from inspector.engine.pytorch.op_calls import canonical_name
from inspector.engine.pytorch.structure import dtype_name


@dataclass(frozen=True)
class Call:
    """A call of a torch function, as it was made."""

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    tracker: OriginTracker
    problem: BaseException | None = None

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by position or name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    def tensor(self, place: int, name: str) -> torch.Tensor | None:
        """An argument that is a tensor."""
        value = self.get(place, name)
        return value if isinstance(value, torch.Tensor) else None

    def want(self, tensor: torch.Tensor | None, **wanted: Any) -> list[Want]:
        """One want, if the tensor came from an input."""
        origins = self.tracker.origins_of(tensor) if isinstance(tensor, torch.Tensor) else ()
        if not origins or tensor is None:
            return []
        wanted.setdefault("why", self.name)
        return [Want(origins=origins, got=tuple(tensor.shape), **wanted)]


Wanted = Callable[[Call], list[Want]]
WANTED: dict[str, Wanted] = {}
INTEGERS = (torch.int64, torch.int32)


def wanted_by(functions: str) -> Callable[[Wanted], Wanted]:
    """Register what functions want, by their canonical names."""

    def register(wanted: Wanted) -> Wanted:
        for function in functions.split():
            WANTED[function] = wanted
        return wanted

    return register


def wants_of(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tracker: OriginTracker, problem: BaseException
) -> list[Want]:
    """What a call that failed would have taken, likely reasons first."""
    name = canonical_name(func)
    with torch._C.DisableTorchFunction():
        call = Call(name, args, kwargs, tracker, problem)
        try:
            return WANTED.get(name, anything)(call)
        except Exception:  # an unusual call: its arguments are not where they usually are
            return anything(call)


def anything(call: Call) -> list[Want]:
    """Where nothing better is known: another dtype, another rank."""
    tensors = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    nested = [one for value in call.args if isinstance(value, list | tuple) for one in value]
    tensors += [one for one in nested if isinstance(one, torch.Tensor)]
    found: list[Want] = []
    floating = next((x.dtype for x in tensors if x.is_floating_point()), torch.float32)
    for x in tensors:
        others = ["int64", "bool"] if x.is_floating_point() else [dtype_name(floating), "float32"]
        for dtype in others:
            if dtype != dtype_name(x.dtype):
                found += call.want(x, dtype=dtype)
    for x in tensors:
        for rank in (x.ndim + 1, x.ndim - 1):
            if rank >= 0:
                found += call.want(x, shape=(None,) * rank, free=(None,) * rank)
    return found


def last_axis(call: Call, x: torch.Tensor, size: int) -> list[Want]:
    """A last axis of this size."""
    return call.want(x, shape=(*(None for _ in x.shape[:-1]), size))


def of_rank(call: Call, tensors: Sequence[torch.Tensor], rank: int) -> list[Want]:
    """So many axes, of those tensors that have fewer."""
    found = []
    for x in tensors:
        if x.ndim < rank:
            found += call.want(x, shape=(None,) * rank, free=(None,) * rank)
    return found


def indices(call: Call, index: torch.Tensor | None, count: int | None) -> list[Want]:
    """Integers below `count`, or the lowest ones."""
    if index is None:
        return []
    if index.dtype not in INTEGERS:
        return call.want(index, dtype="int64", high=count)
    found = call.want(index, high=count) if count else []
    # Indices that were worked out, by adding an offset for each table: the lowest are the likeliest to fit.
    return [*found, *call.want(index, high=2), *call.want(index, high=1)]
