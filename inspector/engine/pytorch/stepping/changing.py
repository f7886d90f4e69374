"""Changes of what a row puts out, made on its tensors."""

from collections.abc import Callable
from typing import Any

import torch

from inspector.core.errors import RequestError
from inspector.core.output_changes import OutputChange
from inspector.core.wording import shape
from inspector.engine.input_files import read_input
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.recording import CallRecord

Elementwise = Callable[[torch.Tensor], torch.Tensor]


@torch.no_grad()
def changed_output(output: Any, change: OutputChange, evaluate: Callable[[str], Any], other: Callable[[], Any]) -> Any:
    """The output with a change made, as new tensors: others may hold the old ones.

    `evaluate` gives the value of an expression, `other` the same row's output in another run. Without a tensor named,
    all of floating point change; of files and elements, the first. Raises RequestError where the change does not fit.
    """
    if change.kind == "expression":
        return evaluate(change.argument)
    tensors = list(tensors_in(output))
    if not tensors:
        raise RequestError(f"{change.text!r}: this row puts out no tensor; write = EXPRESSION for another value")
    if change.tensor is not None and change.tensor >= len(tensors):
        raise RequestError(f"{change.text!r}: there is no tensor @{change.tensor}; there are {len(tensors)}, from @0")
    if change.kind == "other":
        return _from_other(output, tensors, change, other())
    return _replaced(output, _chosen(tensors, change), _made_by(change))


def written_into(call: CallRecord, args: tuple[Any, ...], output: Any) -> torch.Tensor | None:
    """The tensor that an in-place function wrote into: changing what it returns would change nothing."""
    if not call.is_function or not call.type.endswith(("_", "=")) or not args:
        return None
    first = args[0]
    return first if isinstance(first, torch.Tensor) and (output is None or output is first) else None


def write_into(target: torch.Tensor, value: Any) -> None:
    """Make the change of an in-place function where others see it: in the tensor that it wrote into.

    Raises RequestError where the value does not fit there.
    """
    try:
        with torch.no_grad():
            target.copy_(value)
    except (RuntimeError, TypeError) as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise RequestError(f"the row writes into a tensor of {shape(list(target.shape))}: {reason}") from None


def _chosen(tensors: list[torch.Tensor], change: OutputChange) -> list[int]:
    if change.tensor is not None:
        return [change.tensor]
    if change.kind in ("element", "file"):
        return [0]
    # Of integers, some are sizes and the like: the output would fall apart.
    numbers = [at for at, one in enumerate(tensors) if one.is_floating_point() or one.is_complex()]
    return numbers or list(range(len(tensors)))


def _replaced(output: Any, chosen: list[int], make: Elementwise) -> Any:
    at = -1

    def change(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal at
        at += 1
        return make(tensor) if at in chosen else tensor

    return with_tensors(output, change)


def _made_by(change: OutputChange) -> Elementwise:
    numbers = change.numbers
    if change.kind == "zero":
        return torch.zeros_like
    if change.kind == "scale":
        return lambda tensor: tensor * numbers[0]
    if change.kind == "clamp":
        return lambda tensor: tensor.clamp(numbers[0], numbers[1])
    if change.kind == "noise":
        generator = torch.Generator().manual_seed(int(numbers[1]) if len(numbers) > 1 else 0)
        return lambda tensor: tensor + _drawn(tensor, generator) * numbers[0]
    if change.kind == "file":
        return lambda tensor: _fitting(read_input(change.argument), tensor, f"@{change.argument}")
    return lambda tensor: _with_element(tensor, change)


def _drawn(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    wide = torch.complex64 if tensor.is_complex() else torch.float32
    return torch.randn(tensor.shape, generator=generator, dtype=wide).to(tensor.device, tensor.dtype)


def _with_element(tensor: torch.Tensor, change: OutputChange) -> torch.Tensor:
    sizes = list(tensor.shape)
    fits = len(change.index) == len(sizes) and all(
        -size <= at < size for at, size in zip(change.index, sizes, strict=True)
    )
    if not fits:
        raise RequestError(f"{change.text!r}: the tensor is {shape(sizes)}; write one index for each axis within it")
    made = tensor.clone()
    made[tuple(change.index)] = change.numbers[0]
    return made


def _from_other(output: Any, tensors: list[torch.Tensor], change: OutputChange, other: Any) -> Any:
    found = list(tensors_in(other))
    if len(found) != len(tensors):
        raise RequestError(
            f"{change.text!r}: in the other run this row puts out {len(found)} tensors, not {len(tensors)}"
        )
    chosen = range(len(tensors)) if change.tensor is None else [change.tensor]
    kept = iter(range(len(tensors)))

    def take(tensor: torch.Tensor) -> torch.Tensor:
        at = next(kept)
        return _fitting(found[at], tensor, "the other run's").clone() if at in chosen else tensor

    return with_tensors(output, take)


def _fitting(value: torch.Tensor, tensor: torch.Tensor, name: str) -> torch.Tensor:
    if value.shape != tensor.shape:
        raise RequestError(f"{name} tensor is {shape(list(value.shape))}, the output {shape(list(tensor.shape))}")
    return value.to(tensor.device, tensor.dtype)
