"""Which operation is the first to make NaN or Inf of finite values, forward and backward."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES
from inspector.core.recipe import later_seed
from inspector.engine.nonfinite import FINITE, Contagion, Kind, Origin, Origins, State, range_of, state_of
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.batches import passed
from inspector.engine.pytorch.experiments.operations import Operation, Watch
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.objective import objective_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.running import UNINITIALISED

MOST = 3
"""Origins of one pass that are told: what follows is often more of the same."""
_RANDOM, _TRAINING, _ZEROS = "a random input", "a random input in train mode", "an all-zero input"


def origins(subject: Subject) -> Origins:
    """Look in eval mode, in train mode, and on zeros, which is where roots and norms have no gradient.

    Raises RequestError where the module fails on random input in eval mode.
    """
    arguments = subject.arguments()
    found = passed(lambda: _looked(subject, arguments, False, _RANDOM))
    found = [replace(one, unlikely=_needs_sign(subject, arguments, one)) for one in found]
    probes = [_RANDOM]
    another = subject.arguments(later_seed(subject.seed, 1))
    found += _tried(probes, _TRAINING, lambda: _looked(subject, another, True, _TRAINING))
    if not found:
        zeros = _zeroed(arguments)
        found += [
            replace(one, unlikely=True)
            for one in _tried(probes, _ZEROS, lambda: _looked(subject, zeros, False, _ZEROS))
        ]
    return Origins(_each_place_once(found), probes)


def _tried(probes: list[str], probe: str, look: Callable[[], list[Origin]]) -> list[Origin]:
    """What another pass finds; nothing where the module does not take it."""
    try:
        found = look()
    except NO_FAILURES:
        raise
    except Exception:
        return []
    probes.append(probe)
    return found


def _looked(subject: Subject, arguments: Arguments, training: bool, probe: str) -> list[Origin]:
    """A forward pass, and a backward pass where its outputs are finite."""
    look = _Look(subject, arguments, probe)
    forward, finite = subject.run(arguments, training=training, grad=True, recorder=look.recorder, then=look.told)
    backward = look.backward if finite else []
    told = []
    for origin in forward:
        same = [one for one in backward if (one.path, one.source) == (origin.path, origin.source)]
        told.append(replace(origin, reached=origin.reached or bool(same)))
    places = {(one.path, one.source) for one in forward}
    return told[:MOST] + [one for one in backward if (one.path, one.source) not in places][:MOST]


class _Look:
    """One pass: its functions with what they take and make, and the nodes of their gradients."""

    def __init__(self, subject: Subject, arguments: Arguments, probe: str) -> None:
        self._subject = subject
        self._probe = probe
        self._contagion = Contagion()
        self._kept: list[Any] = []
        """What carries such values stays alive, so that its identity is nobody else's."""
        self._changed: dict[int, State] = {}
        """Of what a function is about to change, its state before."""
        self._taken: dict[int, str] = {}
        self._makers: dict[Any, Operation] = {}
        """Of each node of the graph of gradients, the operation that it belongs to."""
        self.recorder = Recorder(subject.module)
        self._watch = Watch(self.recorder, arguments, self._see, self._before)
        self.backward: list[Origin] = []

    def _before(self, func: Any, args: Any, kwargs: Any) -> None:
        name = getattr(func, "__name__", "")
        self._changed.clear()
        if name == "__setitem__" or name.startswith("__i") or (name.endswith("_") and not name.endswith("__")):
            self._changed = {id(tensor): state_of(tensor) for tensor in tensors_in((args, kwargs))}

    def _see(self, operation: Operation, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        made = list(tensors_in(result))
        for tensor in made:
            self._own(tensor.grad_fn, operation)
        states = [(id(tensor), state_of(tensor)) for tensor in made]
        if all(state.finite for _, state in states):
            return
        given = list(tensors_in((args, kwargs)))
        meant = not given or operation.name in UNINITIALISED or _names_infinity((args, kwargs))
        taken = [(id(one), self._changed.get(id(one)) or state_of(one)) for one in given]
        if self._contagion.pass_on(operation.number, taken, states, meant) is not None:
            self._taken[operation.number] = _told(given, self._changed)
        self._kept.append(made)
        for tensor in made:
            if tensor._base is not None:
                self._contagion.carriers.setdefault(id(tensor._base), self._contagion.carriers.get(id(tensor)))
                self._kept.append(tensor._base)

    def _own(self, node: Any, operation: Operation) -> None:
        """The nodes between what an operation makes and what it takes are its own."""
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node is not None and node not in self._makers:
                self._makers[node] = operation
                waiting += [before for before, _ in node.next_functions]

    def told(self, output: Any) -> tuple[list[Origin], bool]:
        """What was found, and whether the outputs are finite; where they are, after a backward pass."""
        outputs = list(tensors_in(output))
        reached = self._contagion.reach(map(id, outputs))
        found = [
            self._origin(
                "forward", trail.kind, self._watch.operations[trail.at], self._taken.get(trail.at, ""), trail in reached
            )
            for trail in self._contagion.trails
            if trail.harmful or trail in reached
        ]
        finite = all(state_of(tensor).finite for tensor in outputs)
        if finite:
            self._go_back(output)
        return found, finite

    def _go_back(self, output: Any) -> None:
        objective = objective_of(output, self._subject.seed)
        if objective is None:
            return
        parameters = [parameter for parameter in self._subject.module.parameters() if parameter.requires_grad]
        for parameter in parameters:
            parameter.grad = None
        objective.backward(retain_graph=True)
        if all(parameter.grad is None or state_of(parameter.grad).finite for parameter in parameters):
            return
        handles = [
            node.register_hook(lambda taken, given, operation=operation: self._node(operation, taken, given))
            for node, operation in self._makers.items()
        ]
        try:
            objective.backward()
        finally:
            for handle in handles:
                handle.remove()

    def _node(self, operation: Operation, made: Any, given: Any) -> None:
        """The hook of a node: `given` is the gradient of what the operation made, `made` of what it took."""
        if any(not state_of(one).finite for one in given if one is not None):
            return
        states = [state_of(one) for one in made if one is not None]
        bad = [state for state in states if not state.finite]
        if bad:
            kind: Kind = "NaN" if any(state.nan for state in bad) else "Inf"
            self.backward.append(self._origin("backward", kind, operation, "", True))

    def _origin(self, direction: Any, kind: Kind, operation: Operation, taken: str, reached: bool) -> Origin:
        return Origin(direction, kind, operation.path, operation.name, operation.source, taken, reached, self._probe)


def _names_infinity(value: Any) -> bool:
    """Whether an argument is a number that is not finite: then the result is meant to hold it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_names_infinity, value.values()))
    return isinstance(value, list | tuple) and any(map(_names_infinity, value))


def _told(given: list[torch.Tensor], changed: dict[int, State]) -> str:
    first = [one for one in given if one.is_floating_point()][:2]
    return " and ".join(range_of(one) for one in first if changed.get(id(one), FINITE).finite)


def _needs_sign(subject: Subject, arguments: Arguments, origin: Origin) -> bool:
    """Whether it is gone where no input is negative, as of a spectrogram: then random input may be to blame."""

    def positive(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.abs() if tensor.is_floating_point() else tensor

    again = _tried([], "", lambda: _looked(subject, with_tensors(arguments, positive), False, _RANDOM))
    return not again and not origin.taken.startswith("all 0")


def _zeroed(arguments: Arguments) -> Arguments:
    """Zeros for what can be data: tensors of numbers with a point and two axes or more, masks aside."""

    def zero(name: str, value: Any) -> Any:
        def own(tensor: torch.Tensor) -> torch.Tensor:
            data = tensor.is_floating_point() and tensor.dim() > 1 and "mask" not in name
            return torch.zeros_like(tensor) if data else tensor

        return with_tensors(value, own)

    return [zero("", value) for value in arguments[0]], {
        name: zero(name, value) for name, value in arguments[1].items()
    }


def _each_place_once(found: list[Origin]) -> list[Origin]:
    places: dict[object, Origin] = {}
    for origin in found:
        key = origin.path, origin.type, None if origin.source is None else (origin.source.file, origin.source.line)
        known = places.get(key)
        if known is None:
            places[key] = origin
        elif origin.reached and not known.reached:
            places[key] = replace(known, reached=True)
    return list(places.values())
