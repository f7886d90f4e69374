"""How two sets of tensors differ: `diff --json`."""

from inspector.core.table import Record


class Renamed(Record, frozen=True, kw_only=True):
    """The same tensor under two names."""

    a: str
    b: str


class Changed(Record, frozen=True, kw_only=True):
    """A tensor that both have, with another shape, dtype or values."""

    key: str
    """In A."""
    shape_a: list[int]
    shape_b: list[int]
    dtype_a: str
    dtype_b: str
    max_abs: float | None = None
    """The largest absolute difference; this and what follows over the elements that are finite in both.

    None where shapes differ, or where the values of one cannot be read.
    """
    relative: float | None = None
    """The norm of the difference by the norm of A; None also where A is zero."""
    cosine: float | None = None
    """Cosine distance, 1 − a·b/(‖a‖‖b‖); None also where one is zero."""
    not_finite: int = 0
    """Elements that are NaN or Inf in one and not the same in the other."""


class DiffReport(Record, frozen=True, kw_only=True):
    """All differences; what changed most comes first."""

    same: bool
    only_a: list[str]
    only_b: list[str]
    renamed: list[Renamed]
    changed: list[Changed]
    unchanged: int
    """Tensors of one shape and dtype whose values are equal, also under another name."""
    not_compared: list[str] = []
    """Why the values of some could not be read; where shape and dtype agree, nothing else is known of them."""
