"""What becomes of the inputs, function by function: who gets what from whom, and which functions are affine."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.batch_axes import arguments_with, batch_axes
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.op_calls import arguments_of, canonical_name
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import AFFORDABLE_MULTIPLICATIONS, is_cheap
from inspector.engine.pytorch.source_lines import is_user_file
from inspector.engine.pytorch.tensor_calls import is_pointwise

SAMPLES = 3
AFFINE = 1e-4
"""Of the largest value: how far an affine function in float32 may be from additive."""
LARGEST = 20 * AFFORDABLE_MULTIPLICATIONS
SUMS = 1e-3
"""How far probabilities may be from summing to 1."""
OF_WEIGHTS = {
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "matmul",
    "rmatmul", "mm", "bmm", "addmm", "baddbmm", "einsum",
}  # fmt: skip
"""Functions that multiply by a matrix or a kernel."""


@dataclass(frozen=True)
class Node:
    """One function call on what came from the inputs."""

    number: int
    name: str
    """The canonical one: ``conv2d`` however it was written."""
    type: str
    """As the module or the line has it."""
    path: str
    source: Source | None
    is_users: bool
    """Whether the user's line calls the function itself, and no module of torch does."""
    parents: frozenset[int]
    """The nodes whose results it was given; -1 for an input of the model."""
    operands: list[list[int]]
    """The shapes of what came from the inputs."""
    weights: list[list[int]]
    """The shapes of the constants with more than one axis."""
    results: list[list[int]]
    settings: Mapping[str, Any]
    """Its arguments that are no tensors, by name."""
    affine: bool
    given_sums: list[int]
    """Of the first operand the axes along which it sums to 1 and is nowhere below 0."""
    result_sums: list[int]

    @property
    def is_weighted(self) -> bool:
        """Whether it multiplies by a matrix or a kernel of the model's own."""
        return self.name in OF_WEIGHTS and bool(self.weights)


@dataclass(frozen=True)
class Final:
    """An output of the model."""

    maker: int | None
    """The node; -1 for an input, None where it does not come from the inputs."""
    shape: list[int]
    sums: list[int]
    """The axes along which it sums to 1 and is nowhere below 0."""
    low: float
    high: float


@dataclass(frozen=True)
class Flow:
    """All function calls of one pass in eval mode, in their order."""

    nodes: list[Node]
    outputs: list[Final]
    samples: int | None
    """The number of samples, where it is known which axes hold them."""

    def behind(self, start: int) -> list[Node]:
        """The nodes after `start` that were given its result, or that of one of these."""
        reached = {start}
        found = []
        for node in self.nodes[start + 1 :]:
            if node.parents & reached:
                reached.add(node.number)
                found.append(node)
        return found

    def solely_from(self, start: int) -> list[Node]:
        """The affine nodes to which nothing else from the inputs comes than the result of `start`."""
        reached = {start}
        found = []
        for node in self.nodes[start + 1 :]:
            if node.affine and node.parents and node.parents <= reached:
                reached.add(node.number)
                found.append(node)
        return found

    def consumers(self, number: int) -> list[Node]:
        """The nodes that were given the result of one."""
        return [node for node in self.nodes[number + 1 :] if number in node.parents]

    def leading_to_outputs(self) -> list[Node]:
        """The nodes that take part in an output."""
        wanted = {final.maker for final in self.outputs if final.maker is not None and final.maker >= 0}
        for node in reversed(self.nodes):
            if node.number in wanted:
                wanted |= {parent for parent in node.parents if parent >= 0}
        return [node for node in self.nodes if node.number in wanted]


def flow(subject: Subject) -> Flow:
    """Record one pass. Raises RequestError where it fails or would take too long."""
    arguments, samples = arguments_for_flow(subject)
    if not is_cheap(subject.module, arguments, LARGEST):
        raise RequestError("the model is too large to be run several times")
    tracer = _Tracer(arguments)
    recorder = Recorder(subject.module)
    tracer.recorder = recorder
    recorder.run = tracer.run
    try:
        outputs = subject.run(
            arguments, recorder=recorder, then=lambda output: [tracer.final(each) for each in tensors_in(output)]
        )
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward pass fails: {first_line(problem)}") from problem
    return Flow(tracer.nodes, outputs, samples)


def arguments_for_flow(subject: Subject) -> tuple[Arguments, int | None]:
    """Arguments for `SAMPLES` samples, and their number, where the model takes so many; else those found, and None."""
    try:
        known = subject.of(batch_axes)
    except RequestError:
        return subject.arguments(), None
    if known.failed or not known.follows:
        return subject.arguments(), None
    return arguments_with(subject, known.specs, known.axes, SAMPLES, subject.seed), SAMPLES


class _Tracer:
    recorder: Recorder

    def __init__(self, arguments: Arguments) -> None:
        self.nodes: list[Node] = []
        self._kept: list[torch.Tensor] = []
        """All tensors from the inputs: an identity is not given twice while its tensor lives."""
        self._makers: dict[int, int] = {}
        self._generator = torch.Generator().manual_seed(0)
        for tensor in tensors_in(arguments):
            self._note(tensor, -1)

    def final(self, tensor: torch.Tensor) -> Final:
        """What an output is, and which node made it."""
        numbers = tensor.numel() and not tensor.is_complex()
        low, high = (float(tensor.min()), float(tensor.max())) if numbers else (0.0, 0.0)
        return Final(self._makers.get(id(tensor)), list(tensor.shape), probability_axes(tensor), low, high)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function, taking note where what it is given comes from the inputs."""
        given = list(tensors_in((args, kwargs)))
        came = [tensor for tensor in given if id(tensor) in self._makers]
        if not came:
            return func(*args, **kwargs)
        shapes = [list(tensor.shape) for tensor in came]
        sums = probability_axes(came[0]) if canonical_name(func) in _WITH_PROBABILITIES else []
        parents = frozenset(self._makers[id(tensor)] for tensor in came)
        affine = False if _gives_no_tensor(func) else self._is_affine(func, args, kwargs)
        result = func(*args, **kwargs)
        made = list(tensors_in(result)) if canonical_name(func) != "setitem" else [args[0]]
        if not made:
            return result
        self._add(func, args, kwargs, given, parents, shapes, made, affine, sums)
        return result

    def _add(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        given: Sequence[torch.Tensor],
        parents: frozenset[int],
        operands: list[list[int]],
        made: list[torch.Tensor],
        affine: bool,
        sums: list[int],
    ) -> None:
        running = self.recorder.running
        name = canonical_name(func)
        number = len(self.nodes)
        named = arguments_of(func, args, kwargs) or dict(kwargs)
        settings = {key: value for key, value in named.items() if next(tensors_in(value), None) is None}
        settings.pop("kwargs", None)
        self.nodes.append(
            Node(
                number,
                name,
                running.type if running is not None else name,
                running.place if running is not None else "",
                running.source if running is not None else None,
                _calls_itself(sys._getframe(2)),
                parents,
                operands,
                [list(tensor.shape) for tensor in given if id(tensor) not in self._makers and tensor.ndim > 1],
                [list(tensor.shape) for tensor in made],
                settings | {"kwargs": dict(kwargs)},
                affine,
                sums,
                probability_axes(made[0]) if name in _WITH_PROBABILITIES else [],
            )
        )
        for tensor in made:
            self._note(tensor, number)

    def _note(self, tensor: torch.Tensor, number: int) -> None:
        self._makers[id(tensor)] = number
        self._kept.append(tensor)

    def _is_affine(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether f(a + b) − f(a) − f(b) + f(0) vanishes for two random a, b in the place of what came."""
        name = getattr(func, "__name__", "")
        came = [tensor for tensor in tensors_in((args, kwargs)) if id(tensor) in self._makers]
        known = _known_affine(func, args, kwargs, came)
        if known is not None:
            return known
        if name in ("__set__", "__setitem__") or any(
            not tensor.is_floating_point() for tensor in tensors_in((args, kwargs)) if id(tensor) in self._makers
        ):
            return False
        found = {}
        for key in ("a", "b"):
            found[key] = {
                id(tensor): torch.randn(tensor.shape, generator=self._generator).to(tensor.device, tensor.dtype)
                for tensor in tensors_in((args, kwargs))
                if id(tensor) in self._makers
            }

        def at(*keys: str) -> torch.Tensor | None:
            def value(tensor: torch.Tensor) -> torch.Tensor:
                if id(tensor) not in self._makers:
                    return tensor.clone() if name.endswith("_") else tensor
                total = torch.zeros_like(tensor, memory_format=torch.contiguous_format)
                for key in keys:
                    total += found[key][id(tensor)]
                return total

            changed_args, changed_kwargs = with_tensors((args, kwargs), value)
            return next(tensors_in(func(*changed_args, **changed_kwargs)), None)

        try:
            both, a, b, zero = at("a", "b"), at("a"), at("b"), at()
        except NO_FAILURES:
            raise
        except BaseException:
            return False
        if both is None or a is None or b is None or zero is None or not both.is_floating_point():
            return False
        largest = max([float(each.abs().max()) for each in (both, a, b, zero) if each.numel()], default=0.0)
        return bool(((both - a - b + zero).abs() <= AFFINE * largest).all())


_AFFINE = {
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "getitem", "cat",
    "stack", "add", "sub", "iadd", "radd", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "mean", "sum", "chunk", "split", "expand",
}  # fmt: skip
_NOT_AFFINE = {
    "instance_norm", "group_norm", "layer_norm", "rms_norm", "max_pool1d", "max_pool2d", "max_pool3d", "softmax",
    "log_softmax", "lstm", "gru", "scaled_dot_product_attention", "multi_head_attention_forward",
}  # fmt: skip
_FEW = 64


def _known_affine(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], came: list[torch.Tensor]) -> bool | None:
    """What needs no trial on tensors of the full size; None where it does."""
    name = canonical_name(func)
    if name in _NOT_AFFINE:
        return False
    if not all(tensor.is_floating_point() for tensor in came):
        return False
    if name in _AFFINE or (name in OF_WEIGHTS and len(came) == 1):
        return True
    if name == "batch_norm":
        return not (kwargs.get("training") or (len(args) > 5 and args[5]))
    alone = len(came) == 1 and len(list(tensors_in((args, kwargs)))) == 1
    if not alone or not is_pointwise(func) or len(args) == 0 or args[0] is not came[0]:
        return None
    a, b = torch.linspace(-9, 7, _FEW, dtype=came[0].dtype), torch.linspace(-2, 13, _FEW, dtype=came[0].dtype).flip(0)
    try:
        both, one, other, zero = (func(each, *args[1:], **kwargs) for each in (a + b, a.clone(), b.clone(), 0 * a))
        largest = float(torch.stack([both, one, other, zero]).abs().max())
        return bool(((both - one - other + zero).abs() <= AFFINE * largest).all())
    except (RuntimeError, TypeError, ValueError):
        return None


_WITH_PROBABILITIES = {"softmax", "log_softmax", "cross_entropy", "nll_loss", "sigmoid", "logsigmoid", "div", "log"}


def probability_axes(tensor: torch.Tensor) -> list[int]:
    """The axes of more than one element along which a tensor sums to 1 and is nowhere below 0."""
    if not tensor.is_floating_point() or not tensor.numel() or bool((tensor < 0).any()):
        return []
    return [
        axis for axis, size in enumerate(tensor.shape) if size > 1 and bool(((tensor.sum(axis) - 1).abs() < SUMS).all())
    ]


def _gives_no_tensor(func: Any) -> bool:
    return getattr(func, "__name__", "") in ("size", "dim", "__len__", "item", "tolist", "is_floating_point", "numel")


_MACHINERY = ("torch/overrides.py", "torch/utils/_python_dispatch.py", "pytorch/recording.py", "experiments/flow.py")


def _calls_itself(frame: FrameType | None) -> bool:
    """Whether the first frame beyond what records is of the user's code."""
    while frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(_MACHINERY):
        frame = frame.f_back
    return frame is not None and is_user_file(frame.f_code.co_filename)
