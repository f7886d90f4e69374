"""The gradient flow as text: a bar for each parameter, in order of execution."""

from rich.console import Console
from rich.text import Text

from inspector.core.drawn_bars import share_bar
from inspector.core.gradient_flow import FlowPoint, LogScale, gradient_flow, scale_of
from inspector.core.results import ForwardReport
from inspector.core.wording import number, printable

WIDTH = 40
"""Cells of the longest bar."""


def print_flow(console: Console, report: ForwardReport) -> None:
    """A line for each parameter: rms(g)/rms(w) and a bar on a logarithmic scale, or why there is none."""
    points = gradient_flow(report)
    if not points:
        return
    scale = scale_of(points)
    ends = f"; bars from 1e{scale.low} to 1e{scale.high}, logarithmic" if scale is not None else ""
    console.print(Text(f"\ngradient flow, rms(g)/rms(w) in order of execution{ends}", style="bold"))
    width = max(len(printable(point.key)) for point in points)
    for point in points:
        console.print(Text(f"{printable(point.key):<{width}}  "), _drawn(point, scale), sep="")


def _drawn(point: FlowPoint, scale: LogScale | None) -> Text:
    if point.ratio is None or scale is None:
        return Text(point.mark, style="bold red" if point.mark == "not finite" else "yellow")
    return Text(f"{number(point.ratio):>9}  {share_bar(scale.share(point.ratio), WIDTH)}")
