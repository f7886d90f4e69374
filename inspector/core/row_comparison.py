"""How two runs of one model compare row by row: `export --verify --json`, and `diff` of a model and its ONNX file.

Two correct programs do not give the same bits. Each rounds at every step, in its own order, and what was rounded is
carried on. So the tolerance of a row is measured, not guessed: the PyTorch model is run a second time in the next wider
type, and what a row's output then differs from the first run is what rounding alone does up to there. A row parts where
its difference is more than `FACTORS` times that, and as many times the type's own rounding unit.
"""

from typing import Literal

from inspector.core.record import Record
from inspector.core.wording import number, things

FACTORS = {"float64": 32.0, "float32": 32.0, "bfloat16": 8.0, "float16": 8.0}
"""By type: sums of halves are added up in float32 by both, so their order tells less."""
ROUNDING = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}
"""Unit roundoff u = 2⁻ᵖ by type, p the bits of its significand (IEEE 754)."""


class Difference(Record, frozen=True, kw_only=True):
    """How far one tensor is from another; None where that is no number, or they cannot be compared."""

    max_abs: float | None = None
    relative: float | None = None
    """The norm of the difference by the norm of the first; for integers the share of elements that differ."""
    not_finite: int = 0
    """Elements that are NaN or Inf in one and not the same in the other."""
    shape_a: list[int] | None = None
    """Given with `shape_b` where the shapes differ."""
    shape_b: list[int] | None = None


class ComparedRow(Record, frozen=True, kw_only=True):
    """A row of the first model and what answers to it in the second."""

    path: str
    """The module's, as the caller knows it; a function's caller's."""
    call: int = 0
    type: str
    kind: Literal["module", "function", "node"] = "module"
    node: str
    """The path of the node that makes the value."""
    max_abs: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    """The largest relative difference that rounding explains."""
    parted: bool = False
    random: bool = False
    """Two runs of one of the models with other seeds differ here: it cannot be compared."""
    why: str = ""
    """Why there is no number."""
    row: int | None = None
    """Index in the first model's table."""
    node_row: int | None = None
    """Index in the second model's table."""


class Merged(Record, frozen=True, kw_only=True):
    """A module without nodes of its own, whose parameters a node of another module reads: its value is seen there."""

    path: str
    into: str
    node: str


class ComparedOutput(Record, frozen=True, kw_only=True):
    """An output of both."""

    name: str
    max_abs: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    parted: bool = False
    random: bool = False
    """As for a row."""
    why: str = ""


class Divergence(Record, frozen=True, kw_only=True):
    """The first row, in the order in which rows finish, that parts."""

    path: str
    node: str | None
    relative: float | None
    call: int = 0
    type: str = ""
    why: str = ""
    inputs: list[str] = []
    """The sizes it parts at, as they are typed after ``--input``."""


class ComparedPass(Record, frozen=True, kw_only=True):
    """One input through both."""

    inputs: list[str]
    dtype: str
    """The coarser of the types in which both compute."""
    outputs: list[ComparedOutput] = []
    rows: list[ComparedRow] = []
    first_divergence: Divergence | None = None
    failure: str | None = None
    """Why the second model did not run through."""


class RowComparison(Record, frozen=True, kw_only=True):
    """Two models on the same inputs: first on those asked for, then on others where axes are open."""

    passes: list[ComparedPass]
    modules: int
    """Modules that hold parameters of their own and take part."""
    matched: int
    """Those of them with a row in both, or whose work is done in a row that is."""
    merged: list[Merged] = []
    unmatched: list[str] = []
    idle: list[str] = []
    """Modules with parameters that the pass never calls, and of which the file reads none."""
    notes: list[str] = []

    @property
    def first_divergence(self) -> Divergence | None:
        """Of the first pass that has one."""
        return next((one.first_divergence for one in self.passes if one.first_divergence is not None), None)

    @property
    def parts(self) -> bool:
        """Whether a row or an output parts, or the second model did not run through."""
        return any(
            one.first_divergence is not None or one.failure is not None or any(out.parted for out in one.outputs)
            for one in self.passes
        )

    @property
    def of_graphs(self) -> bool:
        """Whether both are ONNX files."""
        return any(row.kind == "node" for one in self.passes for row in one.rows)

    @property
    def agrees(self) -> bool:
        """Whether nothing parts, and every output can be compared."""
        return not self.parts and not any(out.random for one in self.passes for out in one.outputs)

    @property
    def share(self) -> float | None:
        """Matched modules of those with parameters; None where there are none."""
        return self.matched / self.modules if self.modules else None


def bound(dtype: str, rounding: float | None, steps: int) -> float:
    """The largest relative difference that rounding explains: from the `rounding` measured, else from √steps units."""
    unit, factor = ROUNDING.get(dtype, 0.0), FACTORS.get(dtype, 0.0)
    return factor * (unit * steps**0.5 if rounding is None else max(unit, rounding))


def first_divergence(made: ComparedPass) -> Divergence | None:
    """The first row of a pass that parts; else its first output that does, at the model itself."""
    for row in made.rows:
        if row.parted:
            return Divergence(
                path=row.path, node=row.node, relative=row.relative, call=row.call, type=row.type, why=row.why,
                inputs=made.inputs,
            )  # fmt: skip
    for output in made.outputs:
        if output.parted:
            why = output.why or f"no module's row parts, but output {output.name} does: look behind the last module"
            return Divergence(path="", node=output.name, relative=output.relative, why=why, inputs=made.inputs)
    return None


def verdict(comparison: RowComparison) -> str:
    """Whether both agree, and where they part, in a sentence."""
    parted = comparison.first_divergence
    count = len(comparison.passes)
    a, b = ("A", "B") if comparison.of_graphs else ("the model", "the file")
    if parted is None:
        first = comparison.passes[0]
        rows = sum(not row.random for row in first.rows)
        drawn = [output.name for output in first.outputs if output.random]
        if drawn:
            return (
                f"whether {b} agrees with {a} cannot be told: {', '.join(drawn)} {_is_are(drawn)} random, "
                f"{things(rows, 'row')} within rounding"
            )
        sizes = "" if count == 1 else ", also at other sizes"
        return f"{b} agrees with {a}: {things(rows, 'row')} and all outputs within rounding{sizes}"
    call = f" (call {parted.call + 1})" if parted.call else ""
    where = parted.path or "the model itself, outside of its modules"
    node = f", node {parted.node}" if parted.node else ""
    size = f" by {number(parted.relative)} relative" if parted.relative is not None else ""
    inputs = "" if parted.inputs == comparison.passes[0].inputs else f" on {' '.join(parted.inputs)}"
    reason = f": {parted.why}" if parted.why else ""
    return f"{b} parts from {a} first at {where}{call}{node}{size}{inputs}{reason}"


def _is_are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def matched_sentence(comparison: RowComparison) -> str:
    """How many modules with parameters have their match."""
    merged = f", {len(comparison.merged):,} of them within another module's nodes" if comparison.merged else ""
    return f"{comparison.matched:,} of {things(comparison.modules, 'module')} with parameters matched{merged}"
