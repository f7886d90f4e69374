"""What came of an export, on a page: the file, the verdict, and how far the outputs are apart."""

from inspector.core import wording
from inspector.core.export import ExportReport
from inspector.core.row_comparison import RowComparison, matched_sentence, verdict
from inspector.tui.page import ERROR, GOOD, MUTED, WARNING, Page


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
