"""A pass that is kept as "before", and the passes that are compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inspector.core.results import ForwardReport
from inspector.core.run_comparison import ComparedRun, changed_most, compared_runs
from inspector.core.wording import things

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


@dataclass(frozen=True)
class TwoRuns:
    """The pass kept and the last one."""

    before: ForwardReport
    after: ForwardReport

    @cached_property
    def rows(self) -> list[ComparedRun]:
        """What changed most first."""
        return compared_runs(self.before, self.after)

    @cached_property
    def by_row(self) -> dict[int, ComparedRun]:
        """By the rows' indices in the last pass."""
        return {one.after_row: one for one in self.rows if one.after_row is not None}

    @cached_property
    def most(self) -> list[ComparedRun]:
        """Those to be marked."""
        return changed_most(self.rows)

    @cached_property
    def marked(self) -> frozenset[int]:
        """The indices of those in the last pass."""
        return frozenset(one.after_row for one in self.most if one.after_row is not None)


def keep(app: NNInspectApp) -> None:
    """Keep the last pass; the next one is shown beside it."""
    app.kept = app.report
    app.two_runs = None
    app.look()
    app.say("this run is kept as before; the next one is compared with it", "$text-success")


def drop(app: NNInspectApp) -> None:
    """Show the last pass alone again."""
    app.kept = app.two_runs = None
    app.look()
    app.say("the run before is dropped")


def compare_with_kept(app: NNInspectApp) -> str:
    """Put the last pass beside the one that is kept; returns what there is to say, "" where none is."""
    if app.kept is None or app.report is None or app.kept is app.report:
        return ""
    app.two_runs = TwoRuns(app.kept, app.report)
    most = app.two_runs.most
    return f"{things(len(most), 'row')} marked as changed most" if most else "no row changed by 5 % or more"
