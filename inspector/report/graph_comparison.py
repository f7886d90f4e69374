"""`diff` with an ONNX file as text: tensors, nodes, and where values part."""

from rich.console import Console
from rich.text import Text

from inspector.core.graph_comparison import GraphComparison, NodeDifferences
from inspector.core.wording import printable
from inspector.report.console import standard_output
from inspector.report.differences import print_differences
from inspector.report.export import print_comparison

MOST_LISTED = 40


def print_graph_comparison(report: GraphComparison) -> None:
    """Everything that was compared, and why something was not."""
    console = standard_output(soft_wrap=True)
    print_differences(report.tensors)
    if report.nodes is not None:
        _print_nodes(report.nodes, console)
    if report.comparison is not None:
        print_comparison(report.comparison, console)
    for note in report.notes:
        console.print(Text(f"note: {printable(note)}"))


def _print_nodes(nodes: NodeDifferences, console: Console) -> None:
    changed = [f"{one.a}: {one.what} {one.before} → {one.after}" for one in nodes.changed]
    lists = (("nodes only in A", nodes.only_a), ("nodes only in B", nodes.only_b), ("nodes changed", changed))
    for heading, lines in lists:
        if not lines:
            continue
        console.print(Text(f"\n{heading}", style="bold"))
        for line in lines[:MOST_LISTED]:
            console.print(Text(f"  {printable(line)}"))
        if len(lines) > MOST_LISTED:
            console.print(Text(f"  and {len(lines) - MOST_LISTED:,} more; --json has all", style="dim"))
    console.print(Text(f"{nodes.unchanged:,} nodes unchanged"))
