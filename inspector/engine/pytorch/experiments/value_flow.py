"""Which parameters the values of a pass come from, whether or not gradients can find the way back.

Autograd knows only the ways that are left. Beside it, each tensor's origins are followed through every call that
torch sees, and each call that is given what can be differentiated and returns what cannot is kept as a cut.

`operations` follows the input from tensor to tensor, which is enough to say what is made of it. Here a way must not be
lost where it leaves them: the memory of a tensor that was written into, and numbers that `item` gave, have origins too.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.experiments.call_places import CallPlace, place_of_call
from inspector.engine.pytorch.experiments.gradient_modes import without_gradients
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.places import Place, holdings_of, places_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_lines import user_frame
from inspector.engine.pytorch.storages import identity_of, storage_of, version_of

CutKind = Literal["detached", "grad mode", "number", "cast", "frozen", "zero"]
"""How a gradient is lost: by a tensor without history, while none is recorded, as a Python value, as whole numbers, by
a flag, by a derivative that is zero."""


@dataclass(frozen=True)
class Cut:
    """A call behind which no gradient finds its way back."""

    kind: CutKind
    operation: str
    """As the source writes it: ``x.detach``, ``torch.argmax``."""
    path: str
    """Of the module whose forward makes the call."""
    source: Source | None


class Origins(NamedTuple):
    """Where a value comes from: sets of parameters and of cuts, as bits."""

    parameters: int = 0
    cuts: int = 0

    def __or__(self, other: "Origins") -> "Origins":
        return Origins(self.parameters | other.parameters, self.cuts | other.cuts)


class _Operand(NamedTuple):
    """A tensor before a call."""

    tensor: torch.Tensor
    requires_grad: bool
    version: int
    origins: Origins


@dataclass(frozen=True, eq=False)
class DifferentiableCall:
    """A call through which gradients go: what one that became zero is traced back by."""

    name: str
    record: CallRecord | None
    operands: list[torch.Tensor]
    results: list[torch.Tensor]

    @property
    def cut(self) -> Cut:
        """The call as what cuts gradients off."""
        if self.record is None:
            return Cut("zero", self.name, "", None)
        return Cut("zero", self.record.type, self.record.path, self.record.source)


_NOTHING = Origins()
_LEAVING = {"item", "tolist", "numpy", "__array__", "__float__", "__int__", "__bool__", "__index__", "__complex__"}
"""Methods that make a Python value of a tensor's."""
_ENTERING = {"tensor", "as_tensor", "asarray", "from_numpy", "scalar_tensor", "full", "frombuffer"}
"""Functions that make a tensor of Python values."""
_WITHOUT_VALUES = ("zeros", "ones", "empty", "rand", "full_like", "new_", "size", "stride")
"""What only the shape of an operand goes into begins so."""


class ValueFlow:
    """Follows origins through the calls of a recorder's pass."""

    def __init__(self, model: nn.Module, recorder: Recorder) -> None:
        places = places_of(model)
        parameters = registered_parameters(places)
        self.keys = list(parameters)
        self._paths = {id(place.module): place.path for place in reversed(places)}
        self._turned_off: CallPlace | None = None
        """Where gradients were last turned off by a call that torch shows."""
        self.cuts: list[Cut] = []
        self.calls: list[DifferentiableCall] = []
        self.used: dict[int, tuple[torch.Tensor, CallPlace]] = {}
        """By identity, each tensor without history that was an operand, with the first place of its use."""
        self.left: list[tuple[Any, Origins]] = []
        """Python values that were made of tensors."""
        self._left_cuts = 0
        """Behind which a Python value was made."""
        self._recorder = recorder
        recorder.run = self._run
        self._numbers: dict[Cut, int] = {}
        self._behind: list[int] = []
        """By cut, the parameters that are cut off by it."""
        self._origins: dict[int, tuple[torch.Tensor, Origins]] = {}
        self._memory: dict[int, Origins] = {}
        """By storage, what was written into it in place."""
        self._parameters = set(map(id, parameters.values()))
        for number, tensor in enumerate(parameters.values()):
            if tensor.requires_grad:
                self._origins[id(tensor)] = tensor, Origins(1 << number)

    def origins_of(self, value: Any) -> Origins:
        """The origins of all tensors in a value."""
        found = _NOTHING
        for tensor in tensors_in(value):
            found |= self._of_tensor(tensor)
        return found

    def named(self, parameters: int) -> frozenset[str]:
        """The keys that a set of bits stands for."""
        return frozenset(key for number, key in enumerate(self.keys) if parameters >> number & 1)

    def cuts_behind(self, key: str) -> int:
        """The cuts that a parameter is cut off by, as bits."""
        number = self.keys.index(key)
        return sum(1 << at for at, parameters in enumerate(self._behind) if parameters >> number & 1)

    def cuts_in(self, cuts: int) -> list[Cut]:
        """The cuts that a set of bits stands for, in the order in which they were met."""
        return [
            replace(cut, kind="number") if self._left_cuts >> number & 1 and cut.kind == "detached" else cut
            for number, cut in enumerate(self.cuts)
            if cuts >> number & 1
        ]

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func is torch._C._set_grad_enabled:
            self._turned_off = place_of_call(func, self._recorder) if args == (False,) else None
        with torch._C.DisableTorchFunction():
            operands = [
                _Operand(one, one.requires_grad, version_of(one), self._of_tensor(one))
                for one in tensors_in((args, kwargs))
            ]
        result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            self._observe(func, args, operands, result)
        return result

    def _observe(self, func: Any, args: tuple[Any, ...], operands: list[_Operand], result: Any) -> None:
        name = getattr(func, "__name__", "")
        for operand in operands:
            if operand.tensor.grad_fn is None and id(operand.tensor) not in self.used:
                self.used[id(operand.tensor)] = operand.tensor, place_of_call(func, self._recorder)
        if name.startswith(_WITHOUT_VALUES):
            return
        origins = _NOTHING
        for operand in operands:
            origins |= operand.origins
        if name in _LEAVING or (name == "__get__" and not isinstance(result, torch.Tensor)):
            self._leave(func, name, operands, origins, result)
            return
        if not operands or name in _ENTERING or self.left:
            origins |= self._entering(name, args)
        results = list(tensors_in(result))
        changed = [operand.tensor for operand in operands if version_of(operand.tensor) != operand.version]
        differentiable = [one for one in operands if one.requires_grad and one.origins.parameters]
        for operand in differentiable:
            if operand.tensor.requires_grad:
                continue
            if id(operand.tensor) in self._parameters:
                self._set(operand.tensor, operand.origins | self._cut("frozen", func, operand.origins))
                return
            changed.append(operand.tensor)
        new = {id(one): one for one in (*results, *changed)}
        for tensor in new.values():
            found = origins
            if differentiable and not tensor.requires_grad and not _in_custom_function():
                found |= self._cut(self._kind_of(tensor), func, origins)
            self._set(tensor, found)
        for tensor in changed:
            storage = storage_of(tensor)
            if storage is not None:
                known = self._memory.get(identity_of(storage), _NOTHING)
                self._memory[identity_of(storage)] = known | origins
        if differentiable and any(one.requires_grad for one in results):
            running = self._recorder.running
            tensors = [one.tensor for one in differentiable]
            self.calls.append(DifferentiableCall(name, running, tensors, results))

    def _kind_of(self, tensor: torch.Tensor) -> CutKind:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return "cast"
        return "detached" if torch.is_grad_enabled() else "grad mode"

    def _leave(self, func: Any, name: str, operands: list[_Operand], origins: Origins, result: Any) -> None:
        if name in _LEAVING and origins.parameters:
            if any(one.requires_grad for one in operands):
                origins |= self._cut("number", func, origins)
            self._left_cuts |= origins.cuts
            self.left.append((result, origins))

    def _entering(self, name: str, args: tuple[Any, ...]) -> Origins:
        """The origins of Python values that a call is given: all that left, where they cannot be told apart."""
        found = _NOTHING
        numbers = {one for one in args if type(one) in (float, int)}
        for value, origins in self.left:
            if name in _ENTERING or (type(value) in (float, int) and value in numbers):
                found |= origins
        return found

    def _cut(self, kind: CutKind, func: Any, cut_off: Origins) -> Origins:
        """The origins that a new cut is, all of it that one statement does being one."""
        cut = self._without_gradients() if kind == "grad mode" else None
        if cut is None:
            place = place_of_call(func, self._recorder)
            cut = Cut(kind, place.operation, place.path, place.source)
        if cut not in self._numbers:
            self._numbers[cut] = len(self.cuts)
            self.cuts.append(cut)
            self._behind.append(0)
        self._behind[self._numbers[cut]] |= cut_off.parameters
        return Origins(0, 1 << self._numbers[cut])

    def _without_gradients(self) -> Cut | None:
        """What keeps gradients from being recorded now, where the source tells."""
        operation = "torch.inference_mode" if torch.is_inference_mode_enabled() else "torch.no_grad"
        found = without_gradients(user_frame(sys._getframe(1)))
        if found is not None:
            return Cut("grad mode", operation, self._path_of(found[1]), found[0])
        off = self._turned_off
        return Cut("grad mode", operation, off.path, off.source) if off is not None else None

    def _path_of(self, frame: FrameType) -> str:
        """The path of the module that a frame works for: of the nearest caller that is a method of one."""
        for one in _frames(frame):
            code = one.f_code
            first = one.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(first, nn.Module) and id(first) in self._paths and hasattr(type(first), code.co_name):
                return self._paths[id(first)]
        return ""

    def _of_tensor(self, tensor: torch.Tensor) -> Origins:
        known = self._origins.get(id(tensor))
        found = known[1] if known is not None else _NOTHING
        if self._memory:
            storage = storage_of(tensor)
            if storage is not None:
                found |= self._memory.get(identity_of(storage), _NOTHING)
        return found

    def _set(self, tensor: torch.Tensor, origins: Origins) -> None:
        # The tensor is kept with them: another one could get its identity.
        self._origins[id(tensor)] = tensor, origins


def leaves_of(value: Any) -> dict[int, torch.Tensor]:
    """The tensors that gradients of a value would be added up in, by identity."""
    waiting = [tensor.grad_fn for tensor in tensors_in(value) if tensor.grad_fn is not None]
    found = {id(tensor): tensor for tensor in tensors_in(value) if tensor.is_leaf and tensor.requires_grad}
    seen: set[Any] = set(waiting)
    while waiting:
        node: Any = waiting.pop()
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor):
            found[id(variable)] = variable
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                waiting.append(below)
    return found


def registered_parameters(places: list[Place]) -> dict[str, torch.Tensor]:
    """Every parameter once, by its first key."""
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for holding in holdings_of(places):
        if holding.kind == "parameter":
            found.setdefault(id(holding.tensor), (holding.key, holding.tensor))
    return dict(found.values())


_APPLY = torch.autograd.Function.apply.__code__


def _in_custom_function() -> bool:
    """Whether this is inside an autograd.Function's forward, whose backward is its own."""
    return any(frame.f_code is _APPLY for frame in _frames(sys._getframe(1)))


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
