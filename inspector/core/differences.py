"""How two sets of tensors differ, row by row: what `diff` prints and the interface shows side by side."""

from typing import Literal

from inspector.core.loads import LoadRule
from inspector.core.record import Record
from inspector.core.repair import Unsure

State = Literal["same", "renamed", "changed", "shape", "only_a", "only_b", "not_compared"]


class Aligned(Record, frozen=True, kw_only=True):
    """A tensor of A beside the same one of B; where one side keeps it as several (q, k and v), all of these."""

    keys_a: list[str]
    """Empty where only B has it."""
    keys_b: list[str]
    shape_a: list[int] | None = None
    """Of several together, along their first axis; None where A has none."""
    shape_b: list[int] | None = None
    dtype_a: str = ""
    dtype_b: str = ""
    equal: bool | None = None
    """Whether all values are, NaN being like NaN, once in the same layout; None where they were not compared."""
    max_abs: float | None = None
    """The largest absolute difference; this and what follows over the elements that are finite in both."""
    relative: float | None = None
    """The norm of the difference by the norm of A; None also where A is zero."""
    cosine: float | None = None
    """Cosine distance, 1 − a·b/(‖a‖‖b‖): 0 for the same direction, 2 for opposite ones; None also where one is zero."""
    not_finite: int = 0
    """Elements that are NaN or Inf in one and not the same in the other."""
    ambiguous: bool = False
    """Other tensors could as well stand beside this one."""
    why: str = ""
    """Why the values were not compared although their shapes allow it."""

    @property
    def state(self) -> State:
        """What there is to see; "renamed" is equal, under other keys or in another layout."""
        if not self.keys_b:
            return "only_a"
        if not self.keys_a:
            return "only_b"
        if self.equal is None:
            return "not_compared" if self.why or self.shape_a == self.shape_b else "shape"
        if not self.equal or self.dtype_a != self.dtype_b:
            return "changed"
        return "same" if self.keys_a == self.keys_b and self.shape_a == self.shape_b else "renamed"

    @property
    def has_changed(self) -> bool:
        """Whether both sides have it, and dtype, values, or shapes that no layout explains are known to differ."""
        reshaped = self.shape_a != self.shape_b and not self.equal
        return bool(self.keys_a and self.keys_b) and (reshaped or self.dtype_a != self.dtype_b or self.equal is False)


class Renamed(Record, frozen=True, kw_only=True):
    """The same tensor under two names."""

    a: str
    b: str


class DiffReport(Record, frozen=True, kw_only=True):
    """Every tensor of both, in the order of A's state_dict, B's own behind what they stand behind in B."""

    rows: list[Aligned]
    rules: list[LoadRule] = []
    """By which keys and layouts of A become those of B."""
    ambiguous: list[Unsure] = []
    """`model` holds keys of A, `candidates` those of B; they are compared in order."""
    notes: list[str] = []
    """What was compared with what, where a file holds several state_dicts; a sentence each."""
    verdict: str = ""
    """Where the two are other architectures, that; no values are compared then."""
    container_a: str = ""
    """Where A's keys begin in its file: "state_dict"; empty at its top."""
    container_b: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing differs, names included."""
        return all(row.state == "same" for row in self.rows)

    @property
    def only_a(self) -> list[str]:
        """Keys that B has nothing for."""
        return [key for row in self.rows if not row.keys_b for key in row.keys_a]

    @property
    def only_b(self) -> list[str]:
        """Keys that A has nothing for."""
        return [key for row in self.rows if not row.keys_a for key in row.keys_b]

    @property
    def renamed(self) -> list[Renamed]:
        """Pairs of other names, also where more has changed; one of several tensors is told with each."""
        return [
            Renamed(a=a, b=b)
            for row in self.rows
            if row.keys_a != row.keys_b
            for a in row.keys_a
            for b in row.keys_b
        ]  # fmt: skip

    @property
    def changed(self) -> list[Aligned]:
        """Rows whose shape, dtype or values differ: other shapes first, then the largest relative change."""
        return sorted((row for row in self.rows if row.has_changed), key=by_change)

    @property
    def unchanged(self) -> int:
        """Tensors of one dtype whose values are equal, also under another name or in another layout."""
        return sum(bool(row.equal) and not row.has_changed for row in self.rows)

    @property
    def not_compared(self) -> list[str]:
        """Why the values of some could not be read; where shape and dtype agree, nothing else is known of them."""
        return [row.why for row in self.rows if row.why]


def by_change(row: Aligned) -> tuple[bool, float]:
    """Sorts shapes that do not fit first, then by how much values changed; what is not known comes last.

    From zero to anything else is the largest change: A has nothing then that the difference could be held against.
    """
    if row.relative is not None:
        return row.state != "shape", -row.relative
    return row.state != "shape", float("-inf") if row.max_abs else float("inf")
