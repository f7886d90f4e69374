"""Which inputs would cross devices if a model's modules were on several: followed through a pass on stand-ins.

What accelerate's hooks would do is played out on tags: a module with a device of its own gets its inputs moved there,
and a function runs where its inputs are. No device has to exist.
"""

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from inspector.core.placement import Conflict
from inspector.core.table import ReceptiveField
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.inputs.arguments import device_of_inputs
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.op_calls import Returned, canonical_name
from inspector.engine.pytorch.passes import run_shapes
from inspector.engine.pytorch.places import holdings_of, places_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_lines import line_of, user_frame

_MOVES = {torch.Tensor.to, torch.Tensor.cpu, torch.Tensor.cuda, torch.Tensor.type_as}
_COPIES = {torch.Tensor.copy_, torch.Tensor.__setitem__}
"""They take values from any device."""


@dataclass(frozen=True)
class Placement:
    """Where everything is meant to be."""

    main_device: str
    runs_on: Callable[[str], str | None]
    """The device of a module by its path; None for one that runs wherever its inputs are."""
    is_on: Callable[[str], str]
    """The device of a parameter or buffer by its key, while its module runs."""


@dataclass
class Crossings:
    """What a pass found."""

    root: CallRecord | None = None
    sizes: dict[int, int] = field(default_factory=dict)
    """By the identity of a module's call, the bytes of its inputs that came from elsewhere."""
    origins: dict[int, list[str]] = field(default_factory=dict)
    runs_on: dict[int, str] = field(default_factory=dict)
    total: int = 0
    """With the model's outputs, which go back to where its inputs came from."""
    conflicts: list[Conflict] = field(default_factory=list)
    borrowers: dict[str, list[str]] = field(default_factory=dict)
    """By path, the modules that use tensors of others directly, with the keys of these."""
    failed: str = ""
    """Why the pass came to no end."""


def follow(model: nn.Module, arguments: Arguments, placement: Placement, seed: int) -> Crossings:
    """Play out one pass with the model placed so; the model stays as it is."""
    found = Crossings()

    def record(module: nn.Module) -> Recorder:
        nonlocal found
        found = Crossings()
        tags = _Tags(module, placement, found)
        recorder = Recorder(module, lambda _: tags, device=device_of_inputs(module), stepper=tags)
        tags.recorder = recorder
        return recorder

    ran = run_shapes(model, arguments, seed, record)
    found.root = ran.recorder.root
    if ran.problem is not None:
        found.failed = f"{type(ran.problem).__name__}: {first_line(ran.problem)}"
    return found


class _Tags:
    """Follows on which device each tensor of a pass would be; a tensor of which nothing is known is nowhere."""

    def __init__(self, model: nn.Module, placement: Placement, found: Crossings) -> None:
        self.recorder: Recorder | None = None
        self._model = model
        self._placement = placement
        self._found = found
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        self._keys: dict[int, list[str]] = {}
        """Of the model's own tensors by their identity."""

    def before(
        self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A module with a device of its own gets its inputs there."""
        if call.is_function:
            return args, kwargs
        if call is (self.recorder.root if self.recorder is not None else None):
            for holding in holdings_of(places_of(self._model)):
                self._put(holding.tensor, self._placement.is_on(holding.key))
                self._keys.setdefault(id(holding.tensor), []).append(holding.key)
            for tensor in tensors_in((args, kwargs)):
                self._put(tensor, self._placement.main_device)
        device = self._placement.runs_on(call.place)
        if device is None:
            return args, kwargs
        self._found.runs_on[id(call)] = device
        moved = 0
        origins: dict[str, None] = {}

        def move(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal moved
            origin = self._device_of(tensor)
            if origin in (None, device):
                return tensor
            moved += tensor.numel() * tensor.element_size()
            origins[str(origin)] = None
            # The caller's own tensor stays where it is.
            return self._put(tensor.detach(), device)

        args, kwargs = with_tensors((args, kwargs), move)
        self._found.sizes[id(call)] = moved
        self._found.origins[id(call)] = list(origins)
        self._found.total += moved
        return args, kwargs

    def after(self, call: CallRecord, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """What a module puts out is where it ran, unless functions told otherwise; the model's goes to its inputs."""
        if call.is_function:
            return output
        device = self._found.runs_on.get(id(call))
        is_root = self.recorder is not None and call is self.recorder.root
        for tensor in tensors_in(output):
            here = self._device_of(tensor)
            if here is None:
                self._put(tensor, device)
            elif is_root and here != self._placement.main_device:
                self._found.total += tensor.numel() * tensor.element_size()
        return output

    def observe(self, call: Returned, path: str) -> None:
        """A function runs where its inputs are; where they are in several places it would fail."""
        given = list(tensors_in((call.args, call.kwargs)))
        for keys in filter(None, (self._keys.get(id(one)) for one in given)):
            if path not in {key.rpartition(".")[0] for key in keys}:
                self._found.borrowers.setdefault(path, []).append(keys[0])
        # Numbers of no axes on the CPU go with tensors anywhere.
        devices = list(dict.fromkeys(filter(None, (self._device_of(one) for one in given if one.ndim))))
        if len(devices) > 1 and call.func not in _MOVES | _COPIES:
            self._found.conflicts.append(self._conflict(call, path, devices))
        at = self._moved_to(call) if call.func in _MOVES else next(iter(devices), None)
        for tensor in tensors_in(call.result):
            self._put(tensor, at)

    def _moved_to(self, call: Returned) -> str | None:
        """The device of what a tensor is to be like, else its own; None for one that the code names."""
        others = [*call.args[1:], *call.kwargs.values()]
        if any(isinstance(value, str | torch.device) for value in others):
            return None
        like = next((value for value in others if isinstance(value, torch.Tensor)), call.args[0])
        return self._device_of(like)

    def field_of(self, value: object) -> Callable[[], ReceptiveField | None] | None:
        """No receptive field is followed here."""
        return None

    def _conflict(self, call: Returned, path: str, devices: list[str]) -> Conflict:
        frame = user_frame(sys._getframe(1))
        source = None if frame is None else line_of(frame.f_code.co_filename, frame.f_lineno)
        return Conflict(path=path, function=canonical_name(call.func), devices=devices, source=source)

    def _put(self, tensor: torch.Tensor, device: str | None) -> torch.Tensor:
        if device is not None:
            self._known[id(tensor)] = weakref.ref(tensor), device
        return tensor

    def _device_of(self, tensor: torch.Tensor) -> str | None:
        known = self._known.get(id(tensor))
        # Another tensor may have got the identity of one that is gone.
        return known[1] if known is not None and known[0]() is tensor else None
