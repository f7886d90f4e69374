"""What came of an export or a comparison with a graph, on a page: the verdict, and how far the outputs are apart."""

from collections import Counter

from inspector.core import wording
from inspector.core.differences import DiffReport
from inspector.core.export import ExportReport
from inspector.core.graph_comparison import GraphComparison, NodeDifferences
from inspector.core.row_comparison import RowComparison, matched_sentence, verdict
from inspector.core.wording import printable, shortened
from inspector.tui.difference_list import STATES
from inspector.tui.page import ERROR, GOOD, HEADING, MUTED, WARNING, Page

_TOLD = 2
"""Nodes named before the rest is counted."""


def export_page(report: ExportReport) -> Page:
    """The file; where it was compared, the verdict, outputs, and modules without a match."""
    page = Page()
    size = f"{wording.size_in_bytes(report.bytes)}, opset {report.opset}, {wording.things(report.nodes, 'node')}"
    page.fact("wrote", f"{', '.join(report.files)}: {size}")
    takes = ", ".join(f"{one.name} {'×'.join(map(str, one.shape)) or 'scalar'} {one.dtype}" for one in report.inputs)
    page.fact("takes", takes)
    if report.comparison is not None:
        _comparison(page, report.comparison)
    return page


def graph_comparison_page(report: GraphComparison, a: str, b: str) -> Page:
    """What was compared, how many tensors and nodes differ and which first, and whether the values do."""
    page = Page()
    page.fact("A", shortened(a), HEADING)
    page.fact("B", shortened(b), HEADING)
    page.fact("tensors", _tensors(report.tensors), "" if report.tensors.same else WARNING)
    if report.nodes is not None:
        page.fact("nodes", _nodes(report.nodes), WARNING if report.nodes.differ else "")
    if report.comparison is not None:
        _comparison(page, report.comparison)
    for note in report.notes:
        page.fact("note", note, MUTED)
    return page


def _tensors(report: DiffReport) -> str:
    states = Counter(row.state for row in report.rows)
    counted = [f"{states[state]:,} {words}" for state, (_, _, words) in STATES.items() if states[state]]
    return ", ".join(counted) or "none"


def _nodes(nodes: NodeDifferences) -> str:
    changed = [f"{one.a}: {one.what} {one.before} → {one.after}" for one in nodes.changed]
    counted = [f"{nodes.unchanged:,} unchanged"]
    for listed, what in ((changed, "changed"), (nodes.only_a, "only in A"), (nodes.only_b, "only in B")):
        if listed:
            more = f" and {len(listed) - _TOLD:,} more" if len(listed) > _TOLD else ""
            counted.append(f"{len(listed):,} {what} ({'; '.join(map(printable, listed[:_TOLD]))}{more})")
    return ", ".join(counted)


def _comparison(page: Page, comparison: RowComparison) -> None:
    page.fact("verdict", verdict(comparison), ERROR if comparison.parts else GOOD if comparison.agrees else WARNING)
    for output in comparison.passes[0].outputs:
        apart = f"{wording.number(output.relative)} relative, tolerance {wording.number(output.tolerance)}"
        page.fact("output", f"{output.name}: {output.why or apart}", ERROR if output.parted else "")
    if comparison.modules:
        page.fact("matched", matched_sentence(comparison), "" if not comparison.unmatched else WARNING)
    if comparison.unmatched:
        page.fact("not matched", ", ".join(comparison.unmatched), MUTED)
    for note in comparison.notes:
        page.fact("note", note, WARNING)
