"""What the operations of a module put out over many random samples."""

import math
from typing import Any

import torch

from inspector.engine.activations import BOUNDED, RECTIFIERS, Activations, Gathered, InitialLoss, rectifies
from inspector.engine.pytorch.experiments.batches import Samples, many_samples, passed
from inspector.engine.pytorch.experiments.initial_loss import initial_loss
from inspector.engine.pytorch.experiments.operations import Operation, Watch
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.nested import named_tensors, tensors_in
from inspector.engine.pytorch.recording import Recorder

NORMALISING = {
    "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize", "local_response_norm",
    "softmax", "log_softmax", "scaled_dot_product_attention",
}  # fmt: skip
_CHANNELS_FIRST = ("conv", "batch_norm", "instance_norm", "group_norm")


def activations(subject: Subject) -> Activations:
    """Run over many samples in eval mode, normalisations that nobody measured with the statistics of the batch.

    Raises RequestError where the module fails, or its inputs are not random.
    """
    samples = many_samples(subject)
    gathering = _Gathering(samples, subject.seed)
    for number, arguments in enumerate(samples.passes):
        subject.progress(number, len(samples.passes), "watching activations")
        recorder = Recorder(subject.module)
        gathering.begin(Watch(recorder, arguments, gathering.see))
        passed(
            lambda given=arguments, recorder=recorder: subject.run(  # type: ignore[misc]  # bound now, not later
                given, training=samples.training, recorder=recorder, then=gathering.outputs
            )
        )
    told = [one.told() for one in gathering.gathered.values()]
    return Activations(told, samples.count, samples.drawn, gathering.losses)


class _Gathering:
    """What the passes made so far, call by call: the n-th operation of one is the n-th of the next."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self._samples = samples
        self._seed = seed
        self.gathered: dict[tuple[int, str], Gathered] = {}
        self.losses: list[InitialLoss] = []
        self._watch: Watch | None = None
        self._axis: dict[int, int] = {}
        """Along which axis of an operation's output its units lie."""
        self._way: dict[int, tuple[int | None, str]] = {}
        """By operation, the multiplying one whose output alone it is made of, and the non-linearity on the way."""
        self._numbers: dict[int, int] = {}

    def begin(self, watch: Watch) -> None:
        """Start another pass."""
        self._watch = watch
        self._axis.clear()
        self._way.clear()

    @torch.no_grad()
    def see(self, operation: Operation, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Measure what one operation made."""
        output = next(tensors_in(result), None)
        if output is None or not output.is_floating_point() or not operation.inputs:
            return
        before, through = self._follow(operation, output)
        assert self._watch is not None
        value = next((one for one in tensors_in((args, kwargs)) if self._comes_from_input(one, output)), None)
        if operation.multiplies:
            self._multiplication(operation, output, value, before, through)
        elif value is not None and value.shape == output.shape and output.numel() and output.is_floating_point():
            named = operation.name in RECTIFIERS
            if operation.name in BOUNDED:
                one = self._place(operation, "bounded")
                one.take(output, self._samples.each)
                one.take_levels(BOUNDED[operation.name](output))
            elif operation.name not in NORMALISING and (value is output or rectifies(output, value, named)):
                if value is output and not (named and float(output.min()) == 0):
                    return
                one = self._place(operation, "rectifier")
                one.take(output, self._samples.each)
                axis = self._axis.get(operation.number, 1 if output.dim() in (2, 4, 5) else -1)
                if output.dim():
                    one.take_units(output, axis if -output.dim() <= axis < output.dim() else -1)

    def outputs(self, output: Any) -> None:
        """Measure what the module puts out."""
        assert self._watch is not None
        for name, tensor in named_tensors(output, "output"):
            maker = self._watch.maker_of(tensor)
            if not tensor.is_floating_point() or maker is None:
                continue
            one = self.gathered.setdefault((1 << 40, name), Gathered("", name, None, "output"))
            one.take(tensor, self._samples.each)
            loss = initial_loss(name, tensor, self._watch.operations, maker, self._samples.each, self._seed)
            if loss is not None and all(known.name != name for known in self.losses):
                self.losses.append(loss)
            for number in _same_values(self._watch.operations, maker):
                for (at, _), earlier in self.gathered.items():
                    if at == number:
                        earlier.final = True
                        one.path, one.source = earlier.path, earlier.source

    def _comes_from_input(self, tensor: torch.Tensor, output: torch.Tensor) -> bool:
        assert self._watch is not None
        return self._watch.maker_of(tensor) is not None and (tensor.is_floating_point() or tensor is output)

    def _place(self, operation: Operation, role: Any) -> Gathered:
        known = self.gathered.get((operation.number, operation.name))
        if known is None:
            known = Gathered(operation.path, operation.name, operation.source, role)
            self._numbers[operation.number] = len(self.gathered)
            self.gathered[operation.number, operation.name] = known
        return known

    def _multiplication(
        self, operation: Operation, output: torch.Tensor, value: torch.Tensor | None, before: int | None, through: str
    ) -> None:
        one = self._place(operation, "weight")
        one.take(output, self._samples.each)
        if value is not None:
            one.take_incoming(value)
        matrices = [weight for weight in operation.weights if weight.dim() > 1]
        one.zero_weight = all(not bool(weight.any()) for weight in matrices)
        one.gain = _gain(operation, matrices[0], output) if len(matrices) == 1 else None
        one.before, one.through = None if before is None else self._numbers.get(before), through

    def _follow(self, operation: Operation, output: torch.Tensor) -> tuple[int | None, str]:
        """Remember on which axis units lie and where this comes from; tell where it came from until here."""
        first = operation.inputs[0]
        if operation.name.startswith(_CHANNELS_FIRST):
            self._axis[operation.number] = 1
        elif operation.multiplies or operation.name == "layer_norm":
            self._axis[operation.number] = output.dim() - 1
        elif first in self._axis:
            self._axis[operation.number] = self._axis[first]
        alone = len(set(operation.inputs)) == 1 and first >= 0
        before, through = self._way.get(first, (None, "")) if alone else (None, "")
        if operation.multiplies:
            self._way[operation.number] = operation.number, ""
        elif before is not None and operation.name not in NORMALISING:
            self._way[operation.number] = before, operation.name if operation.name in IDEAL_GAINS else through
        return before, through


IDEAL_GAINS = {
    "relu": math.sqrt(2), "relu6": math.sqrt(2), "leaky_relu": math.sqrt(2), "clamp": math.sqrt(2),
    "clamp_min": math.sqrt(2), "threshold": math.sqrt(2), "tanh": 1.59, "sigmoid": 1.85, "gelu": 1.53, "silu": 1.68,
    "mish": 1.49, "elu": 1.25, "selu": 1.0, "softplus": 1.0, "hardswish": 1.73, "softsign": 2.34,
}  # fmt: skip
"""1/√E[f(z)²] for a standard normal z: with it the second moment stays as it is."""


def _gain(operation: Operation, weight: torch.Tensor, output: torch.Tensor) -> float | None:
    """Root mean square of a weight times √fan_in, of those operations whose fan-in is plain."""
    if operation.name == "linear" or (operation.name.startswith("conv") and "transpose" not in operation.name):
        fan_in = math.prod(weight.shape[1:])
    elif operation.name in ("matmul", "mm", "addmm") and weight.dim() == 2 and output.shape[-1] == weight.shape[1]:
        fan_in = weight.shape[0]
    else:
        return None
    return float(weight.detach().double().square().mean().sqrt()) * math.sqrt(fan_in)


def _same_values(operations: list[Operation], number: int) -> list[int]:
    """An operation and those before it that what it made was only viewed from."""
    found = []
    while number >= 0:
        found.append(number)
        if operations[number].name not in _VIEWS:
            break
        number = operations[number].inputs[0]
    return found


_VIEWS = {"view", "reshape", "squeeze", "unsqueeze", "flatten", "contiguous", "permute", "transpose", "getitem"}
