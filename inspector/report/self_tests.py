"""Self-tests as text."""

from collections.abc import Sequence

from rich.text import Text

from inspector.core.self_tests import Dependency, SelfTestReport
from inspector.core.wording import printable
from inspector.report.console import standard_output

_STYLES = {"passed": "green", "failed": "bold red", "undecided": "yellow"}
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


def print_self_tests(report: SelfTestReport) -> None:
    """Each with its evidence and, where it trained, the curve of its loss; then the chart of dependencies."""
    console = standard_output(soft_wrap=True)
    for test in report.tests:
        console.print(Text.assemble((test.outcome, _STYLES[test.outcome]), f" {test.name}: ", printable(test.message)))
        if test.evidence:
            console.print(Text(f"    evidence     {printable(test.evidence)}"))
        if test.losses:
            console.print(Text(f"    loss         {sparkline(test.losses)}"))
    for one in report.dependencies:
        console.print(Text(f"\n{printable(one.output)} along {one.axis} of {printable(one.input)}: {one.pattern}"))
        for row in chart(one):
            console.print(Text(f"    {row}"))


def sparkline(values: Sequence[float]) -> str:
    """A curve in one line, from its smallest to its largest value."""
    step = max(1, -(-len(values) // _WIDTH))
    shown = [*values[:-1:step], values[-1]] if len(values) > 1 else list(values)
    low, high = min(shown), max(shown)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in shown)


def chart(dependency: Dependency) -> list[str]:
    """A row for each place of the output: ■ where it depends on that place of the input."""
    return ["".join("■" if seen else "·" for seen in row) for row in dependency.matrix]
