"""What a filter of rows can ask for: one short function for each word, each quantity and each name.

Unknown fulfils nothing: a row without a pass is neither fast nor slow, and ``-nan`` does not find it either.
"""

from collections.abc import Callable
from dataclasses import dataclass

from inspector.core.results import RowRun, Statistics
from inspector.core.row_facts import RowFacts
from inspector.core.scales import absmax
from inspector.core.table import Row

Needs = str
"""What has to have been done before a term can be answered: "pass", "backward", "check", "shapes", "weights" or ""."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """A property that a row has or has not; None where it is not known."""

    says: str
    needs: Needs
    of: Callable[[RowFacts, Row], bool | None]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number to compare with; None where it is not known."""

    says: str
    unit: str
    """"", "bytes" or "seconds"."""
    needs: Needs
    of: Callable[[RowFacts, Row], float | None]


@dataclass(frozen=True, kw_only=True)
class Name:
    """Texts to match a pattern with."""

    says: str
    anywhere: bool
    """A pattern without ``*`` and ``?`` need only be part of a text, in any case; else it has to be all of it."""
    of: Callable[[Row], list[str]]
    """None where they are not known."""
    needs: Needs = ""


def _run(facts: RowFacts, row: Row) -> RowRun | None:
    return None if facts.runs is None else facts.runs[row.index]


def _told(facts: RowFacts, row: Row) -> Statistics | None:
    run = _run(facts, row)
    return None if run is None else run.statistics


def _statistic(of: Callable[[Statistics], float | None]) -> Callable[[RowFacts, Row], float | None]:
    def number(facts: RowFacts, row: Row) -> float | None:
        told = _told(facts, row)
        return None if told is None else of(told)

    return number


def _any(of: Callable[[Statistics], float | None]) -> Callable[[RowFacts, Row], bool | None]:
    number = _statistic(of)

    def whether(facts: RowFacts, row: Row) -> bool | None:
        found = number(facts, row)
        return None if found is None else found > 0

    return whether


def _of_run(of: Callable[[RowRun], float | None]) -> Callable[[RowFacts, Row], float | None]:
    def number(facts: RowFacts, row: Row) -> float | None:
        run = _run(facts, row)
        return None if run is None else of(run)

    return number


def _frozen(facts: RowFacts, row: Row) -> bool | None:
    if not facts.table.knows_trainable:
        return None
    return row.kind != "function" and row.parameters > 0 and row.trainable_parameters == 0


def _found(facts: RowFacts, row: Row) -> bool | None:
    return None if facts.findings is None else row.index in facts.found


def _never_ran(facts: RowFacts, row: Row) -> bool | None:
    return None if not facts.table.rows[0].reached else not row.reached


def _loaded(of: Callable[[RowFacts], frozenset[int]]) -> Callable[[RowFacts, Row], bool | None]:
    return lambda facts, row: None if facts.table.load is None else row.index in of(facts)


WORDS = {
    "nan": Word(says="its output holds NaN", needs="pass", of=_any(lambda told: told.nan)),
    "inf": Word(says="its output holds Inf", needs="pass", of=_any(lambda told: told.inf)),
    "dead": Word(says="units of its output are zero everywhere", needs="pass", of=_any(lambda told: told.dead_units)),
    "frozen": Word(says="none of its parameters is trained", needs="", of=_frozen),
    "trainable": Word(
        says="parameters in it are trained", needs="",
        of=lambda facts, row: row.trainable_parameters > 0 if facts.table.knows_trainable else None,
    ),
    "finding": Word(says="the last check found something", needs="check", of=_found),
    "failed": Word(says="the pass failed there", needs="", of=lambda facts, row: row.index == facts.failed),
    "never-ran": Word(says="the pass did not reach it", needs="shapes", of=_never_ran),
    "missing": Word(
        says="the file of weights has nothing for it", needs="weights", of=_loaded(lambda facts: facts.missing)
    ),
    "mismatch": Word(
        says="the file of weights has it in another shape", needs="weights", of=_loaded(lambda facts: facts.mismatched)
    ),
    "shared": Word(says="it is at several paths", needs="", of=lambda facts, row: bool(row.shared_with)),
    "lazy": Word(says="no pass has given it a shape yet", needs="", of=lambda facts, row: row.lazy),
}  # fmt: skip

QUANTITIES = {
    "params": Quantity(says="parameters at or below it", unit="", needs="", of=lambda facts, row: row.parameters),
    "bytes": Quantity(says="its parameters and buffers", unit="bytes", needs="", of=lambda facts, row: row.bytes),
    "flops": Quantity(says="floating-point operations", unit="", needs="shapes", of=lambda facts, row: row.flops),
    "memory": Quantity(
        says="memory newly taken for outputs", unit="bytes", needs="shapes", of=lambda facts, row: row.activation_bytes
    ),
    "depth": Quantity(says="levels below the root", unit="", needs="", of=lambda facts, row: row.depth),
    "time": Quantity(says="time in the last pass", unit="seconds", needs="pass", of=_of_run(lambda run: run.seconds)),
    "zeros": Quantity(
        says="share of its output that is zero", unit="", needs="pass", of=_statistic(lambda told: told.zeros)
    ),
    "absmax": Quantity(says="largest absolute value", unit="", needs="pass", of=_statistic(absmax)),
    "mean": Quantity(says="mean of its output", unit="", needs="pass", of=_statistic(lambda told: told.mean)),
    "std": Quantity(says="deviation of its output", unit="", needs="pass", of=_statistic(lambda told: told.std)),
    "grad": Quantity(
        says="norm of the gradient of its parameters", unit="", needs="backward",
        of=_of_run(lambda run: run.gradient_norm),
    ),
}  # fmt: skip

_DTYPES = {
    "bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "float64": "fp64",
    "float8_e4m3fn": "fp8", "float8_e5m2": "fp8",
}  # fmt: skip


def _types(row: Row) -> list[str]:
    return [row.type, row.type.rpartition(".")[2]]


def _dtypes(row: Row) -> list[str]:
    return [name for one in (row.dtype or "").split(", ") if one for name in (one, _DTYPES.get(one, one))]


NAMES = {
    "name": Name(says="its path", anywhere=True, of=lambda row: [row.path, row.name]),
    "type": Name(says="its type; Linear, also relu of F.relu", anywhere=False, of=_types),
    "shape": Name(
        says="the shape of an output: 1x64x32x32", anywhere=False, needs="shapes",
        of=lambda row: ["x".join(map(str, shape)) for shape in row.output_shapes],
    ),
    "dtype": Name(says="float32, also fp32, bf16", anywhere=False, of=_dtypes),
    "device": Name(says="cpu, cuda:0", anywhere=False, of=lambda row: row.device.split(", ") if row.device else []),
    "kind": Name(says="module, function or node", anywhere=False, of=lambda row: [row.kind]),
}  # fmt: skip
