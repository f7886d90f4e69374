"""The panel of the receptive field: what is drawn is what the numbers say, and keys move it."""

import msgspec
import pytest
from fake_client import FakeClient, lenet
from screen_text import session

from inspector.core.field_picture import Mark
from inspector.core.table import FieldAxis, ModelTable, ReceptiveField
from inspector.tui.field_chart import chart
from inspector.tui.field_drawing import draw
from inspector.tui.field_panel import why_nothing
from inspector.tui.view import View


def seeing(*axes: FieldAxis, **more: object) -> ReceptiveField:
    status = "whole_input" if all(axis.whole for axis in axes) else "exact"
    size = [axis.last[0] - axis.first[0] + 1 if axis.first else axis.pixels for axis in axes]
    start = [axis.first[0] if axis.first else 0 for axis in axes]
    return ReceptiveField(
        **{"status": status, "size": size, "stride": [a.shift for a in axes], "start": start, "axes": axes} | more
    )


def along(pixels: int, units: int, first: int, size: int, stride: int, **more: object) -> FieldAxis:
    return FieldAxis(pixels=pixels, units=units, first=[first], last=[first + size - 1], shift=stride, **more)


IMAGE = seeing(along(28, 7, -3, 28, 4), along(28, 7, -3, 9, 4))
TALL = seeing(along(500, 9, 0, 100, 50), along(90, 9, 0, 20, 10))
MIXED = seeing(along(33, 9, -1, 9, 4, whole=True), along(40, 9, -1, 9, 4, whole=True), via="gate")
SEQUENCE = seeing(along(300, 100, -7, 15, 3))
VOLUME = seeing(along(16, 8, -4, 9, 2), along(30, 8, -4, 9, 4), along(30, 8, -4, 9, 4))
DRAWN = {"image": IMAGE, "tall": TALL, "mixed": MIXED, "sequence": SEQUENCE, "volume": VOLUME}


def texts(lines):
    return ["".join(part if isinstance(part, str) else part[0] for part in line) for line in lines]


def drawing(field, place, width=52, height=36):
    return draw(field, list(place), "layer", "hint", width, height)


def with_field(field, **more):
    table = lenet()
    row = msgspec.structs.replace(table.rows[1], receptive_field=field, **more)
    return msgspec.structs.replace(table, rows=[table.rows[0], row, *table.rows[2:]])


@pytest.mark.parametrize("size", [(52, 36), (78, 9), (78, 20), (158, 42), (30, 12)], ids=str)
@pytest.mark.parametrize("name", DRAWN)
def test_characters_alone_say_what_is_seen(name, size):
    """Without colours: each character against the marks of its two cells, and those against the pixels elsewhere."""
    field = DRAWN[name]
    for place in ([0] * len(field.axes), [axis.units - 1 for axis in field.axes]):
        drawn = drawing(field, place, *size)
        if drawn.input is None:
            continue
        placed = drawn.input
        for line in range((placed.picture.rows.cells + 1) // 2):
            text = texts(drawn.lines)[placed.top + line][placed.left :]
            for column in range(placed.picture.columns.cells):
                upper, lower = placed.picture.mark(2 * line, column), placed.picture.mark(2 * line + 1, column)
                expected = {
                    (True, True): "█┼",
                    (True, False): "▀┼",
                    (False, True): "▄┼",
                    (False, False): "░" if Mark.WHOLE in (upper, lower) else "·",
                }[upper is Mark.FIELD, lower is Mark.FIELD]
                assert text[column] in expected


def test_the_numbers_are_those_of_the_unit():
    text = "\n".join(texts(drawing(IMAGE, (3, 0)).lines))
    assert "(3, 0) of 7×7" in text
    assert "9 … 36  (9 … 27 in the image)" in text
    assert "−3 … 5  (0 … 5 in the image)" in text
    assert "28×9, 19×6 in the image" in text
    assert "stride     4, starts at −3" in text
    assert "◀" in text, "three columns are padding"
    assert "▼ 9" in text, "nine rows are padding"


def test_an_upper_bound_says_so_and_a_unit_that_sees_less_says_how_much():
    field = seeing(along(28, 7, 0, 6, 4), along(28, 7, 0, 6, 4), status="upper_bound", size=[8, 8])
    assert "6×6; ≤ 8×8 in any unit" in "\n".join(texts(drawing(field, (1, 1)).lines))
    inexact = seeing(along(28, 7, 0, 6, 4, exact=False), along(28, 7, 0, 6, 4))
    assert "at most 4 … 9" in "\n".join(texts(drawing(inexact, (1, 1)).lines))


def test_a_unit_that_sees_nothing_is_drawn_without_a_field():
    gap = FieldAxis(pixels=8, units=8, first=[0, 1], last=[0, 0], shift=1)
    drawn = drawing(seeing(gap, gap), (1, 1))
    assert "no pixel of the input" in "\n".join(texts(drawn.lines))
    assert drawn.input is not None
    assert not drawn.input.picture.field[0]


def test_no_line_is_wider_and_no_drawing_higher_than_the_panel():
    for field in DRAWN.values():
        for width, height in ((52, 36), (78, 9), (78, 20), (158, 42), (40, 14)):
            lines = texts(drawing(field, [0] * len(field.axes), width, height).lines)
            assert max(map(len, lines)) <= width
            assert len(lines) <= max(height, 10)


@pytest.mark.slow
async def test_arrows_move_the_unit_and_the_field_with_it():
    async with session(with_field(IMAGE)) as ui:
        await ui.press("down", "7", "tab")
        assert "(3, 3) of 7×7" in ui.text
        assert "(3, 4) of 7×7" in await ui.press("right")
        assert "13 … 21" in ui.text
        assert "(2, 4) of 7×7" in await ui.press("k")
        assert "(0, 4) of 7×7" in await ui.press("shift+up")
        assert "(6, 6) of 7×7" in await ui.press("shift+down", "shift+right")
        assert "(6, 6) of 7×7" in await ui.press("down", "l"), "the border holds"
        assert "(3, 3) of 7×7" in await ui.press("home")
        assert ui.app.row.path == "conv1", "the tree's cursor stays"


@pytest.mark.slow
async def test_the_unit_stays_where_it_was_relatively():
    async with session() as ui:
        await ui.press("down", "7", "tab", "shift+left", "up", "up", "up", "up", "up", "up", "up")
        assert "(7, 0) of 28×28" in ui.text
        assert "(3, 0) of 14×14" in await ui.press("tab", "down", "down")
        assert "(7, 0) of 28×28" in await ui.press("up", "up"), "coarser rows between have not moved it"
        await ui.press("down", "down", "tab", "left", "down")
        assert "(4, 0) of 14×14" in ui.text


@pytest.mark.slow
async def test_a_click_goes_to_the_unit_that_looks_there():
    async with session(with_field(IMAGE)) as ui:
        await ui.press("down", "7")
        panel = ui.app.side.field
        drawn = panel.drawing()
        placed = drawn.input
        await ui.pilot.click(panel, offset=(1 + placed.left + 20, placed.top + 7))
        assert "(1, 5) of 7×7" in await ui.press(), "row 14 and column 20: windows from 1 and 17 on"
        placed = panel.drawing().output
        await ui.pilot.click(panel, offset=(1 + placed.left, placed.top))
        assert "(0, 0) of 7×7" in await ui.press()


@pytest.mark.slow
async def test_the_chart_marks_the_row_and_where_context_ends():
    async with session() as ui:
        text = await ui.press("down", "7", "F")
        assert "▲ conv1: 5 of 32" in text
        assert "▼ past fc more context is impossible" in text
        assert "32┤" in text
        assert "▲ relu: 5 of 32" in await ui.press("tab", "right")
        assert ui.app.row.type == "relu", "the tree follows"
        assert "▲ conv1" in await ui.press("left")
        assert "unit" in await ui.press("F")


@pytest.mark.slow
async def test_columns_of_the_chart_are_as_high_as_the_fields():
    sizes = [4, 8, 12, 16, 32, 40]
    fields = [seeing(along(32, 4, 0, size, 1), along(32, 4, 0, size, 1)) for size in sizes]
    rows = [
        msgspec.structs.replace(lenet().rows[1], index=index, path=f"l{index}", receptive_field=field)
        for index, field in enumerate(fields)
    ]
    from inspector.core.field_growth import growth

    grown = growth(rows, 0)
    drawn = chart(grown, rows[0], 60, 40 + 3 + 2)
    lines = texts(drawn.lines)
    plot = [line for line in lines if "│" in line or "┤" in line]
    for step, size in enumerate(sizes):
        cell = drawn.left + drawn.step_at.index(step)
        filled = sum(line[cell] in "█▒▁▂▃▄▅▆▇" for line in plot)
        assert filled == round(size / 40 * len(plot))
    line = next(line for line in plot if line.strip().startswith("32"))
    assert plot.index(line) == round(len(plot) * (1 - 32 / 40)), "the input's line is at its size"


def test_a_row_without_a_field_says_why():
    table = lenet()

    def why(row=1, table: ModelTable = table, failed=False, **changes):
        changed = msgspec.structs.replace(table.rows[row], **changes)
        rows = [*table.rows[:row], changed, *table.rows[row + 1 :]]
        return why_nothing(View(table=msgspec.structs.replace(table, rows=rows), row=changed, failed=failed))

    assert "sort before it has no rule" in why(receptive_field=ReceptiveField(status="unknown", via="sort"))
    assert "did not come to this row" in why(receptive_field=None, reached=False)
    assert "No spatial axis" in why(receptive_field=None)
    assert "The pass failed here" in why(receptive_field=None, failed=True)
    assert "No pass has run yet" in why(table=lenet(traced=False), receptive_field=None)
    file = msgspec.structs.replace(table, model=msgspec.structs.replace(table.model, framework="file"))
    assert "file of tensors" in why(table=file, receptive_field=None)


@pytest.mark.slow
async def test_why_nothing_is_drawn_is_on_the_panel_in_one_sentence():
    client = FakeClient(with_field(ReceptiveField(status="unknown", via="grid_sample")))
    async with session(client=client) as ui:
        text = await ui.press("down", "7")
        assert "What this row sees is not known: grid_sample" in text
        await ui.press("tab", "up", "home", "pagedown")
        assert "grid_sample" in ui.text
        assert "the row looked at has no field on this input" in await ui.press("F"), "the others' chart is there"


@pytest.mark.slow
async def test_a_row_without_a_field_shows_the_chart_of_the_input_that_has_one():
    table = lenet()
    fields = [row.receptive_field and msgspec.structs.replace(row.receptive_field, input=1) for row in table.rows]
    rows = [msgspec.structs.replace(row, receptive_field=one) for row, one in zip(table.rows, fields, strict=True)]
    async with session(msgspec.structs.replace(table, rows=rows)) as ui:
        assert "past fc more context" in await ui.press("7", "F")
