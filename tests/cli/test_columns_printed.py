"""Columns in a pipe hold what rich draws on a terminal that is wide enough."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from inspector.report.grid import Grid

_ROWS = [("model", "graph", "1,024"), ("  conv1", "Conv2d(3, 8)", "7"), ("  層", "名前")]


def printed(terminal: bool) -> list[str]:
    grid = Grid(["", "type", "parameters"], right={"parameters"})
    for row in _ROWS:
        grid.add_row(*map(Text, row))
    file = io.StringIO()
    grid.print_to(Console(file=file, width=100, force_terminal=terminal, color_system=None))
    return file.getvalue().splitlines()


def test_columns_in_a_pipe_are_those_of_a_terminal() -> None:
    drawn, written = printed(terminal=True), printed(terminal=False)
    assert [line.split() for line in written] == [line.split() for line in drawn]
    # rich gives the first column 18 places at least.
    gap = drawn[0].index("type") - written[0].index("type")
    assert [line[: len("model    ")] + " " * gap + line[len("model    ") :] for line in written[1:3]] == [
        line.rstrip() for line in drawn[1:3]
    ]


@pytest.mark.parametrize("width", range(24, 110, 7))
def test_where_there_is_no_room_columns_are_left_out_whole_from_the_right(width: int) -> None:
    titles = ["", "type", "parameters", "mean", "device"]
    grid = Grid(titles, right={"parameters", "mean"})
    grid.add_row(
        *map(Text, ("encoder.block." + "x" * 40, "Conv2d(3, 8, kernel_size=3)", "1,048,576", "−0.6478", "cpu"))
    )
    file = io.StringIO()
    grid.print_to(Console(file=file, width=width, force_terminal=True, color_system=None))
    head, row, *rest = file.getvalue().splitlines()
    shown, left_out = head.split(), " ".join(" ".join(rest).split()).removeprefix("no room for ")
    assert [*shown, *(left_out.split(", ") if rest else [])] == titles[1:]
    assert all(("1,048,576" in row, "−0.6478" in row)[: max(0, len(shown) - 1)])
    assert row.startswith("encoder.block.")
    assert max(map(len, (head, row))) <= width
