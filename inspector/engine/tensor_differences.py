"""How far one tensor is from another, in float64 and a piece at a time."""

import math

import torch

from inspector.core.row_comparison import Difference

CHUNK = 1 << 20
"""Elements converted to float64 at a time."""


@torch.no_grad()
def difference(a: torch.Tensor, b: torch.Tensor) -> Difference:
    """Largest absolute and relative difference over the elements that are finite in both.

    The relative one is ‖a − b‖₂ / ‖a‖₂, 0 where both are zero; of integers it is the share of elements that differ.
    """
    if a.shape != b.shape:
        return Difference(shape_a=list(a.shape), shape_b=list(b.shape))
    if a.is_complex() or b.is_complex():
        a, b = torch.view_as_real(a.to(torch.complex128)), torch.view_as_real(b.to(torch.complex128))
    exact = not (a.is_floating_point() or b.is_floating_point())
    largest, apart, size, not_finite, differ = 0.0, 0.0, 0.0, 0, 0
    pieces = zip(a.detach().reshape(-1).split(CHUNK), b.detach().reshape(-1).split(CHUNK), strict=True)
    for one, other in pieces:
        one, other = one.cpu().double(), other.cpu().double()
        both = one.isfinite() & other.isfinite()
        if not bool(both.all()):
            same = (one == other) | (one.isnan() & other.isnan())
            not_finite += int((~both & ~same).sum())
            one, other = one[both], other[both]
        if not one.numel():
            continue
        gap = one - other
        largest = max(largest, float(gap.abs().max()))
        apart, size = math.hypot(apart, float(gap.norm())), math.hypot(size, float(one.norm()))
        differ += int(gap.count_nonzero())
    relative = (
        (differ / a.numel() if a.numel() else 0.0) if exact else apart / size if size else 0.0 if not apart else None
    )
    return Difference(max_abs=largest, relative=relative, not_finite=not_finite)
