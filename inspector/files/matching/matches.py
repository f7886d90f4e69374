"""A tensor of one side beside the same one of the other, which may keep it in several pieces or another layout."""

from collections.abc import Sequence
from typing import NamedTuple

from inspector.files.matching.layouts import layout
from inspector.files.matching.records import Change, Entry, Shape
from inspector.files.matching.transferring import Fit


class Match(NamedTuple):
    """Tensors of A and the same of B; one side may keep as several what the other keeps as one."""

    a: tuple[Entry, ...]
    b: tuple[Entry, ...]
    ambiguous: bool = False
    tied: bool = False
    """A second name of memory that has its match already."""

    @property
    def has_one_shape(self) -> bool:
        """Whether each side has one tensor, and both the same shape."""
        return len(self.a) == len(self.b) == 1 and self.a[0].shape == self.b[0].shape

    @property
    def is_split_in_a(self) -> bool:
        """Whether it is A that keeps it as several."""
        return len(self.a) > len(self.b)

    def pieces(self) -> list[list[Change]] | None:
        """How the one tensor becomes each of the other side's, as views of it; None where shapes do not fit.

        Where neither side has several, how A's becomes B's.
        """
        whole, parts = (self.b, self.a) if self.is_split_in_a else (self.a, self.b)
        found = layout(together(whole), together(parts))
        if found is None:
            return None
        if len(parts) == 1:
            return [found[1]]
        made, start = [], 0
        for part in parts:
            stop = start + (part.shape or (0,))[0]
            made.append([*found[1], Change(op="part", axis=0, start=start, stop=stop)])
            start = stop
        return made


def fits(match: Match) -> list[Fit]:
    """How B's tensors are made of A's, as far as its kinds; none where shapes do not fit or nothing is to be done."""
    one, other = match.a[0], match.b[0]
    if (one.key, one.shape, one.dtype) == (other.key, other.shape, other.dtype):
        return []
    found = layout(together(match.a), together(match.b))
    if found is None:
        return []
    split = ("qkv_join",) if len(match.a) > len(match.b) else ("qkv_split",) if len(match.b) > len(match.a) else ()
    kinds = (*split, found[0]) if found[0] else split
    return [Fit(entry, match.a, kinds, ()) for entry in match.b]


def together(entries: Sequence[Entry]) -> Shape | None:
    """The shape of several tensors one after another along their first axis."""
    first = entries[0].shape
    if len(entries) == 1 or not first:
        return first
    return (sum((entry.shape or (0,))[0] for entry in entries), *first[1:])
