"""What the Python API returns: records that show themselves in a terminal, as text, and in a notebook."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.core.findings import CheckReport, Finding, NotRun
from inspector.core.memory import MemoryReport
from inspector.core.results import FirstNonfinite, ForwardReport, OutputPreview, RowRun, TensorGradient
from inspector.core.table import Failure, ModelTable, Note, Row, Tensor, Totals

if TYPE_CHECKING:
    from rich.console import Console, Group


class Shown(ABC):
    """A result that draws itself; what it is made of are plain records."""

    @abstractmethod
    def to_json(self) -> str:
        """The document that the command of the same name prints with ``--json``."""

    @abstractmethod
    def _printing(self) -> "Callable[[Console], None]":
        """What prints the result to a console of rich."""

    def to_dict(self) -> dict[str, Any]:
        """The same document as dictionaries, lists, numbers and texts; unknown is None."""
        document: dict[str, Any] = json.loads(self.to_json())
        return document

    def __rich__(self) -> "Group":
        """As rich draws it: ``rich.print(result)``."""
        from rich.console import Group

        from inspector.report.console import collected

        return Group(*collected(self._printing()))

    def __str__(self) -> str:
        """What the command of the same name prints into a pipe."""
        from inspector.report.console import written

        return written(self._printing())

    def __repr__(self) -> str:
        return str(self).rstrip("\n")

    def _repr_html_(self) -> str:
        """As a notebook shows it: escaped, for light and dark pages."""
        from inspector.report.console import collected
        from inspector.report.html import html

        return html(collected(self._printing()))


@dataclass(frozen=True, repr=False)
class Summary(Shown):
    """What a model is made of: `inspector.summary`."""

    table: ModelTable
    memory: MemoryReport | None = None
    """Where it was asked for."""
    full: bool = False
    """Whether blocks that repeat are shown each."""

    @property
    def rows(self) -> list[Row]:
        """Modules and the functions called between them, in preorder."""
        return self.table.rows

    @property
    def tensors(self) -> list[Tensor]:
        """Parameters and buffers, by their keys."""
        return self.table.tensors

    @property
    def totals(self) -> Totals:
        """Sums over distinct tensors and modules; costs are None where no pass ran."""
        return self.table.totals

    @property
    def failure(self) -> Failure | None:
        """Where and why the pass failed; None where it did not."""
        return self.table.failure

    @property
    def notes(self) -> list[Note]:
        """What there is to know about how the rest came to be."""
        return self.table.notes

    def to_json(self) -> str:
        """The document of ``nninspect summary --json``."""
        from inspector.report.documents import summary_document

        return summary_document(self.table, self.memory)

    def _printing(self) -> "Callable[[Console], None]":
        from inspector.report.text import print_table

        return lambda console: print_table(self.table, self.memory, self.full, console)


@dataclass(frozen=True, repr=False)
class CheckResult(Shown):
    """What is wrong with a model: `inspector.check`."""

    report: CheckReport

    @property
    def findings(self) -> list[Finding]:
        """Most severe first."""
        return self.report.findings

    @property
    def not_run(self) -> list[NotRun]:
        """Rules that could not be applied, each with the reason."""
        return self.report.not_run

    def to_json(self) -> str:
        """The document of ``nninspect check --json``."""
        from inspector.report.documents import check_document

        return check_document(self.report)

    def _printing(self) -> "Callable[[Console], None]":
        from inspector.report.findings import print_findings

        return lambda console: print_findings(self.report, console)


@dataclass(frozen=True, repr=False)
class TraceResult(Shown):
    """What a forward pass on real values did: `inspector.trace`."""

    report: ForwardReport

    @property
    def table(self) -> ModelTable:
        """The rows of the pass, and the tensors."""
        return self.report.table

    @property
    def rows(self) -> list[tuple[Row, RowRun]]:
        """Each row with what it did: statistics, times, bytes."""
        return list(zip(self.report.table.rows, self.report.runs, strict=True))

    @property
    def tensors(self) -> list[Tensor]:
        """Parameters and buffers, by their keys."""
        return self.report.table.tensors

    @property
    def outputs(self) -> list[OutputPreview]:
        """The output's tensors: shape, statistics, leading values."""
        return self.report.outputs

    @property
    def gradients(self) -> list[TensorGradient]:
        """What the backward pass left for each parameter; empty without one. The model's own gradients stay."""
        return self.report.gradients

    @property
    def first_nonfinite(self) -> FirstNonfinite | None:
        """The first row whose output holds NaN or Inf although its inputs do not."""
        return self.report.first_nonfinite

    @property
    def failure(self) -> Failure | None:
        """Where and why the pass failed; None where it did not."""
        return self.report.table.failure

    def to_json(self) -> str:
        """The document of ``nninspect forward --json``."""
        from inspector.report.documents import forward_document

        return forward_document(self.report)

    def _printing(self) -> "Callable[[Console], None]":
        from inspector.report.text import print_forward

        return lambda console: print_forward(self.report, console=console)
