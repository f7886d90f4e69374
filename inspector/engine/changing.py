"""Changes of tensors that a row puts out."""

from collections.abc import Callable

import torch

from inspector.core.errors import RequestError
from inspector.core.output_changes import OutputChange
from inspector.core.wording import shape
from inspector.engine.input_files import read_input

Elementwise = Callable[[torch.Tensor], torch.Tensor]


@torch.no_grad()
def changed_tensors(
    tensors: list[torch.Tensor], change: OutputChange, other: Callable[[], list[torch.Tensor]]
) -> list[torch.Tensor]:
    """The tensors that a row puts out with a change made, those that change as new ones: others may hold the old.

    `other` gives the same row's tensors in another run. Without a tensor named, all of floating point change; of files
    and elements, the first. Raises RequestError where the change does not fit.
    """
    if not tensors:
        raise RequestError(f"{change.text!r}: this row puts out no tensor; write = EXPRESSION for another value")
    if change.tensor is not None and change.tensor >= len(tensors):
        raise RequestError(f"{change.text!r}: there is no tensor @{change.tensor}; there are {len(tensors)}, from @0")
    if change.kind == "other":
        return _from_other(tensors, change, other())
    chosen, make = _chosen(tensors, change), _made_by(change)
    try:
        return [make(tensor) if at in chosen else tensor for at, tensor in enumerate(tensors)]
    except (RuntimeError, TypeError, ValueError) as problem:
        why = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise RequestError(f"{change.text!r} cannot be done to this output: {why}") from None


def _chosen(tensors: list[torch.Tensor], change: OutputChange) -> list[int]:
    if change.tensor is not None:
        return [change.tensor]
    if change.kind in ("element", "file"):
        return [0]
    # Of integers, some are sizes and the like: the output would fall apart.
    numbers = [at for at, one in enumerate(tensors) if one.is_floating_point() or one.is_complex()]
    return numbers or list(range(len(tensors)))


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
        return lambda tensor: _fitting(read_input(change.argument, f"{change.text!r}: "), tensor, f"@{change.argument}")
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


def _from_other(tensors: list[torch.Tensor], change: OutputChange, found: list[torch.Tensor]) -> list[torch.Tensor]:
    if len(found) != len(tensors):
        raise RequestError(
            f"{change.text!r}: in the other run this row puts out {len(found)} tensors, not {len(tensors)}"
        )
    return [
        _fitting(found[at], tensor, "the other run's").clone() if change.tensor in (None, at) else tensor
        for at, tensor in enumerate(tensors)
    ]


def _fitting(value: torch.Tensor, tensor: torch.Tensor, name: str) -> torch.Tensor:
    if value.shape != tensor.shape:
        raise RequestError(f"{name} tensor is {shape(list(value.shape))}, the output {shape(list(tensor.shape))}")
    return value.to(tensor.device, tensor.dtype)
