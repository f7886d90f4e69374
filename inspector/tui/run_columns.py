"""What the list of a pass says of each row: what was measured, or beside a pass before what changed."""

from collections.abc import Sequence
from typing import Protocol

from inspector.core import wording
from inspector.core.results import ForwardReport, RowRun
from inspector.core.run_comparison import ComparedQuantity, ComparedRun, change_text
from inspector.tui.kept_run import TwoRuns

MARK = "◀"


class RunColumns(Protocol):
    """Columns behind the row's name."""

    @property
    def titles(self) -> Sequence[tuple[str, int]]:
        """Each with its priority."""

    @property
    def sorts(self) -> Sequence[str]:
        """The titles that rows can be sorted by."""

    def number(self, title: str, row: int) -> float | None:
        """What stands under one of them as a number; None where nothing does."""

    def texts(self, row: int) -> Sequence[str]:
        """The texts under `titles`."""

    def styles(self, row: int) -> Sequence[str]:
        """The names of their styles."""


class Measured:
    """Statistics and times."""

    titles = (
        ("mean", 3),
        ("std", 3),
        ("min", 6),
        ("max", 6),
        ("zeros", 5),
        ("NaN, Inf", 1),
        ("time", 2),
        ("grad norm", 4),
    )

    sorts = tuple(title for title, _ in titles)

    def __init__(self, report: ForwardReport) -> None:
        self._runs = report.runs
        self._slowest = max((run.self_seconds or 0.0 for run in report.runs), default=0.0)

    def number(self, title: str, row: int) -> float | None:
        """A statistic, a time or a norm."""
        run = self._runs[row]
        if title in ("time", "grad norm"):
            return run.seconds if title == "time" else run.gradient_norm
        of = run.statistics
        if of is None:
            return None
        return {
            "mean": of.mean, "std": of.std, "min": of.min, "max": of.max, "zeros": of.zeros,
            "NaN, Inf": of.nan + of.inf,
        }[title]  # fmt: skip

    def texts(self, row: int) -> Sequence[str]:
        """Numbers, "" for what was not measured."""
        return _numbers(self._runs[row])

    def styles(self, row: int) -> Sequence[str]:
        """The slowest stands out, and so does what is not finite."""
        slow = bool(self._slowest) and self._runs[row].self_seconds == self._slowest
        return ("", "", "", "", "muted", "error", "warning" if slow else "number", "")


class Compared:
    """Quantities of both passes in pairs, and by how much the row changed."""

    titles = (
        ("changed", 1),
        ("rms before", 2),
        ("after", 2),
        ("|max| before", 4),
        ("after", 4),
        ("zeros before", 5),
        ("after", 5),
        ("grad before", 3),
        ("after", 3),
    )

    sorts = ()

    def __init__(self, runs: TwoRuns) -> None:
        self._runs = runs

    def number(self, title: str, row: int) -> float | None:
        """None: pairs have no order."""
        return None

    def texts(self, row: int) -> Sequence[str]:
        """The change, then the pairs."""
        one = self._runs.by_row.get(row)
        if one is None:
            return [""] * len(self.titles)
        mark = f" {MARK}" if row in self._runs.marked else ""
        names = ("rms", "absmax", "zeros", "gradient")
        return [f"{change_text(one)}{mark}", *(text for name in names for text in pair(one.quantity(name)))]

    def styles(self, row: int) -> Sequence[str]:
        """What changed most stands out, and so does what is finite in one pass alone."""
        one = self._runs.by_row.get(row)
        return (self._change_style(row, one), *[style for _ in range(4) for style in ("muted", "")])

    def _change_style(self, row: int, one: ComparedRun | None) -> str:
        if one is not None and one.why == "not finite after":
            return "error"
        return "warning" if row in self._runs.marked else ""


def pair(quantity: ComparedQuantity | None) -> tuple[str, str]:
    """A quantity before and after, as text; "" for what was not measured."""
    if quantity is None:
        return "", ""
    write = wording.percent if quantity.name == "zeros" else wording.number
    before, after = ("" if value is None else write(value) for value in (quantity.before, quantity.after))
    return before, after


def _numbers(run: RowRun) -> list[str]:
    of = run.statistics
    bad = of.nan + of.inf if of else 0
    return [
        *([wording.number(value) for value in (of.mean, of.std, of.min, of.max)] if of else [""] * 4),
        wording.percent(of.zeros) if of else "",
        wording.count(bad) if bad else "",
        wording.duration(run.seconds) if run.seconds is not None else "",
        wording.number(run.gradient_norm) if run.gradient_norm is not None else "",
    ]
