"""The gradient flow as bars: heights by powers of ten, marks for what has none, and as much as fits."""

import re

import msgspec
import pytest
from fake_client import STATISTICS, FakeClient, lenet
from rich.cells import cell_len
from screen_text import session

from inspector.core.gradient_flow import FlowPoint
from inspector.core.results import ForwardReport, RowRun
from inspector.tui.gradient_plot import HEIGHT, LABEL, flow_lines
from inspector.worker import protocol

DOTS = re.compile("[\u2801-\u28ff]")


def drawn(points, width, here=()):
    return ["".join(text for text, _ in line) for line in flow_lines(points, here)(width)]


def points_of(ratios):
    return [FlowPoint(key=f"p{at}", row=at, ratio=ratio) for at, ratio in enumerate(ratios)]


def heights(lines, cells):
    columns = [[line[LABEL + cells * at] for line in lines] for at in range((len(lines[0]) - LABEL) // cells)]
    return [sum(" ▁▂▃▄▅▆▇█".index(char) for char in column) for column in columns]


def test_heights_are_the_logarithms():
    ratios = [10.0**-power for power in range(7)]
    lines = drawn(points_of(ratios), 60)
    assert lines[0].startswith("  1e0")
    assert lines[HEIGHT - 1].startswith(" 1e-6")
    # Six lines for six powers of ten: a line each; what lies on the lower end is seen nevertheless.
    assert heights(lines, 3) == [48, 40, 32, 24, 16, 8, 1]


def test_what_has_no_bar_has_a_mark_below():
    marks = ["not finite", "zero gradient", "no gradient", "zero weight"]
    points = [*points_of([1.0, 0.1]), *(FlowPoint(key=mark, row=9, mark=mark) for mark in marks)]
    lines = drawn(points, 60)
    assert len(lines) == HEIGHT + 1
    assert lines[-1].split() == ["!", "0", "∅", "w"]
    assert heights(lines[:-1], 3)[2:] == [0, 0, 0, 0]


@pytest.mark.parametrize("width", [8, 20, 54, 150])
def test_a_deep_model_fits_any_width_and_hides_no_fault(width):
    points = points_of([1e-3] * 500)
    points[317] = FlowPoint(key="bad", row=317, mark="not finite")
    lines = drawn(points, width)
    assert max(map(cell_len, lines)) <= width
    assert lines[-1].count("!") == 1


def test_the_parameters_of_the_row_stand_out():
    *bars, marks = flow_lines(points_of([1.0, 0.1, 0.01]), {"p1"})(60)
    styles = [style for _, style in bars[-1][1:]]
    assert styles[0] == styles[2] != styles[1]
    assert [text.strip() for text, _ in marks[1:]] == ["", "▲", ""], "told without colours too"


def test_without_any_ratio_only_marks_are_left():
    assert drawn([FlowPoint(key="a", row=0, mark="zero gradient")], 40)[0].split() == ["0"]


@pytest.mark.slow
async def test_the_signal_over_depth_is_a_curve_on_a_scale_of_powers_of_ten():
    table = lenet()
    runs = [RowRun(statistics=msgspec.structs.replace(STATISTICS, std=10.0**-at)) for at in range(len(table.rows))]
    client = FakeClient(table)
    client.answers[protocol.Forward] = ForwardReport(table=table, runs=runs, seconds=0.1)
    async with session(client=client, size=(120, 60)) as ui:
        text = await ui.press("f", "enter", "tab", "z", "enter", "end")
        curve = [line.strip() for line in text.splitlines() if DOTS.search(line)]
    assert curve[0].startswith("1e-1┤")
    assert curve[-1].startswith("1e-5┤")
    ends = [[*DOTS.finditer(line)][-1].end() for line in curve]
    assert ends == sorted(ends), "what lies lower lies further to the right"
    assert "smallest    1e-05 in fc" in text
    assert "largest     0.1 in conv1" in text
