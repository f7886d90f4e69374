"""Whether two values part: differ by more than rounding explains."""

import torch

from inspector.core.row_comparison import ComparedOutput, Difference, bound
from inspector.core.wording import shape
from inspector.engine.tensor_differences import difference

RANDOM = "random: runs with other seeds differ here"


def compared_output(
    name: str, a: torch.Tensor, b: torch.Tensor, tolerance: float, *, random: bool = False
) -> ComparedOutput:
    """An output of both models; `tolerance` is what rounding does on the way there.

    `random`: it differs from run to run, and is not compared unless the shapes differ.
    """
    if random and a.shape == b.shape:
        return ComparedOutput(name=name, random=True, why=RANDOM)
    apart, tolerance = difference(a, b), tolerance_between(tolerance, a, b)
    return ComparedOutput(
        name=name,
        max_abs=apart.max_abs,
        relative=apart.relative,
        tolerance=tolerance,
        parted=parted(apart, tolerance),
        why=why(apart),
    )


def parted(apart: Difference, tolerance: float) -> bool:
    """Whether a difference is more than rounding explains."""
    if apart.shape_a is not None or apart.not_finite:
        return True
    size = apart.relative if apart.relative is not None else apart.max_abs
    return size is not None and size > tolerance


def differs(a: torch.Tensor, b: torch.Tensor, steps: int) -> bool:
    """Whether values of two runs of one program differ, by more than the order of its sums explains."""
    return parted(difference(a, b), tolerance_between(bound(dtype_name(a), None, steps), a, b))


def why(apart: Difference) -> str:
    """What no number tells of a difference; "" where one does."""
    if apart.shape_a is not None and apart.shape_b is not None:
        return f"the shapes differ: {shape(apart.shape_a)} in the first model, {shape(apart.shape_b)} in the second"
    if apart.not_finite:
        return f"{apart.not_finite:,} elements are NaN or Inf in one and not the same in the other"
    return ""


def tolerance_between(tolerance: float, a: torch.Tensor, b: torch.Tensor) -> float:
    """At least what the coarser of the two types rounds to."""
    return max([tolerance, *(bound(dtype_name(one), None, 1) for one in (a, b))])


def dtype_name(tensor: torch.Tensor) -> str:
    """As records have it."""
    return str(tensor.dtype).removeprefix("torch.")
