"""What becomes of the inputs, function by function: who gets what from whom, and which functions are affine."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.table import Source
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.affine_calls import is_affine
from inspector.engine.pytorch.experiments.batch_axes import arguments_with, batch_axes
from inspector.engine.pytorch.experiments.operations import MATRIX_PRODUCTS, Operation, Watch, name_of
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import arguments_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import AFFORDABLE_MULTIPLICATIONS, is_cheap
from inspector.engine.pytorch.source_lines import is_user_file

SAMPLES = 3
LARGEST = 20 * AFFORDABLE_MULTIPLICATIONS
SUMS = 1e-3
"""How far probabilities may be from summing to 1."""


@dataclass(frozen=True)
class Node:
    """One function call on what came from the inputs."""

    number: int
    name: str
    """Bare: ``conv2d`` however it was written."""
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
        return self.name in MATRIX_PRODUCTS and bool(self.weights)


@dataclass(frozen=True)
class _Given:
    """Of what comes from the inputs before a call."""

    shapes: list[list[int]] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    affine: bool = False


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
    recorder = Recorder(subject.module)
    made = _Nodes(recorder, arguments)
    try:
        outputs = subject.run(
            arguments, recorder=recorder, then=lambda output: [made.final(each) for each in tensors_in(output)]
        )
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward pass fails: {first_line(problem)}") from problem
    return Flow(made.nodes, outputs, samples)


def arguments_for_flow(subject: Subject) -> tuple[Arguments, int | None]:
    """Arguments for `SAMPLES` samples, and their number, where the model takes so many; else those found, and None."""
    try:
        known = subject.of(batch_axes)
    except RequestError:
        return subject.arguments(), None
    if known.failed or not known.follows:
        return subject.arguments(), None
    return arguments_with(subject, known.specs, known.axes, SAMPLES, subject.seed), SAMPLES


class _Nodes:
    """Makes nodes of the operations of a pass."""

    def __init__(self, recorder: Recorder, arguments: Arguments) -> None:
        self.nodes: list[Node] = []
        self._watch = Watch(recorder, arguments, self._see, self._before)
        self._numbers = {-1: -1}
        """The nodes of operations; of what does not come from the inputs there are none."""
        self._given = _Given()
        self._generator = torch.Generator().manual_seed(0)

    def final(self, tensor: torch.Tensor) -> Final:
        """What an output is, and which node made it."""
        numbers = tensor.numel() and not tensor.is_complex()
        low, high = (float(tensor.min()), float(tensor.max())) if numbers else (0.0, 0.0)
        maker = self._watch.maker_of(tensor)
        number = None if maker is None else self._numbers[maker]
        return Final(number, list(tensor.shape), probability_axes(tensor), low, high)

    def _before(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """What is given, and whether the call is affine, before it may write into it."""
        came = [tensor for tensor in tensors_in((args, kwargs)) if self._comes_from_input(tensor)]
        if came:
            self._given = _Given(
                [list(tensor.shape) for tensor in came],
                probability_axes(came[0]) if name_of(func) in _WITH_PROBABILITIES else [],
                is_affine(func, args, kwargs, self._comes_from_input, self._generator),
            )

    def _see(self, operation: Operation, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if not operation.inputs:
            return
        made = list(tensors_in(result))
        named = arguments_of(func, args, kwargs) or dict(kwargs)
        settings = {key: value for key, value in named.items() if next(tensors_in(value), None) is None}
        number = self._numbers[operation.number] = len(self.nodes)
        self.nodes.append(
            Node(
                number,
                operation.name,
                operation.type,
                operation.path,
                operation.source,
                _calls_itself(sys._getframe(1)),
                frozenset(self._numbers[maker] for maker in operation.inputs),
                self._given.shapes,
                [list(weight.shape) for weight in operation.weights if weight.ndim > 1],
                [list(tensor.shape) for tensor in made],
                settings | {"kwargs": dict(kwargs)},
                self._given.affine,
                self._given.sums,
                probability_axes(made[0]) if operation.name in _WITH_PROBABILITIES else [],
            )
        )

    def _comes_from_input(self, tensor: torch.Tensor) -> bool:
        return self._watch.maker_of(tensor) is not None


_WITH_PROBABILITIES = {"softmax", "log_softmax", "cross_entropy", "nll_loss", "sigmoid", "logsigmoid", "div", "log"}


def probability_axes(tensor: torch.Tensor) -> list[int]:
    """The axes of more than one element along which a tensor sums to 1 and is nowhere below 0."""
    if not tensor.is_floating_point() or not tensor.numel() or bool((tensor < 0).any()):
        return []
    return [
        axis for axis, size in enumerate(tensor.shape) if size > 1 and bool(((tensor.sum(axis) - 1).abs() < SUMS).all())
    ]


_MACHINERY = (
    "torch/overrides.py",
    "torch/utils/_python_dispatch.py",
    "pytorch/recording.py",
    "experiments/operations.py",
)


def _calls_itself(frame: FrameType | None) -> bool:
    """Whether the first frame beyond what records is of the user's code."""
    while frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(_MACHINERY):
        frame = frame.f_back
    return frame is not None and is_user_file(frame.f_code.co_filename)
