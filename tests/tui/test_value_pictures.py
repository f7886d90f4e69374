"""Pictures in the panel of values: what is drawn is what the numbers say, where the indices say, in any room."""

import math
import re
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from fake_client import FakeClient, lenet, tensor, waves
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from screen_text import session
from textual.theme import BUILTIN_THEMES

from inspector.core.value_pictures import planes_of
from inspector.files.values.pictures import picture_of_array
from inspector.tui.picture_colours import ABOVE, BELOW, LEVELS, Colours, Scale
from inspector.tui.picture_drawing import draw_picture
from inspector.tui.picture_layout import CHARACTERS, HALF_BLOCKS, lay_out
from inspector.worker import protocol

THEMES = {name: theme.to_color_system().generate() for name, theme in BUILTIN_THEMES.items() if not theme.ansi}
COLOURS = Colours.of_theme(THEMES["textual-dark"])


def drawn(array, kind, room, index="", first=(0, 0), colours=COLOURS):
    """The layout and the lines, each a list of (text, style); None where there is no room."""
    planes = planes_of(list(array.shape), index, kind, "t")
    layout = lay_out(planes, kind, first, room, HALF_BLOCKS if colours else CHARACTERS)
    if layout is None:
        return None
    picture = picture_of_array(array, layout.settings("t", index), "float32")
    lines = draw_picture(picture, layout, "t", "sizes", "hint", colours, room[1])
    return layout, [[(part, "") if isinstance(part, str) else part for part in line] for line in lines]


def text(line):
    return "".join(part for part, _ in line)


def characters(line):
    return [(char, style) for part, style in line for char in part]


def top_of(layout):
    return 1 if layout.beside else 3


def dots(layout, lines):
    """The colour of each dot, or its character where there are no colours; None between planes."""
    found = []
    for line in lines[top_of(layout) :][: math.ceil(layout.area[0] / layout.dots.in_line)]:
        cells = characters(line)[layout.gutter :][: layout.area[1] * layout.dots.width]
        if layout.dots is CHARACTERS:
            found.append([char for char, _ in cells[::2]])
            continue
        both = {"▀": lambda style: [*style.split(" on "), None][:2], "▄": lambda style: [None, style]}
        pairs = [both[char](style) if char in both else [None, None] for char, style in cells]
        found += [list(row) for row in zip(*pairs, strict=True)]
    return found


CASES = [
    ((6, 3, 5, 5), "kernels", ""),
    ((64, 3, 7, 7), "kernels", "[3:]"),
    ((64, 32, 1, 1), "kernels", ""),
    ((20, 8, 5), "kernels", ""),
    ((8, 4, 3, 3, 3), "kernels", ""),
    ((5, 2, 300, 200), "kernels", ""),
    ((5, 5), "heat map", ""),
    ((300, 200), "heat map", ""),
    ((6, 3, 40, 5), "heat map", "[2, 1:, ::3]"),
    ((1, 90), "heat map", ""),
    ((90, 1), "heat map", ""),
    ((500,), "heat map", ""),
]
ROOMS = [(38, 70), (8, 78), (9, 52), (40, 158), (20, 54)]


@pytest.mark.parametrize("colours", [COLOURS, None], ids=["colours", "characters"])
@pytest.mark.parametrize("room", ROOMS, ids=str)
@pytest.mark.parametrize(("shape", "kind", "index"), CASES)
def test_every_dot_is_that_of_the_elements_at_its_indices(shape, kind, index, room, colours):
    array = waves(list(shape))
    layout, lines = drawn(array, kind, room, index, colours=colours)
    assert max(cell_len(text(line)) for line in lines) <= room[1]
    assert len(lines) <= room[0]
    planes = layout.planes
    shown = {}
    for down in range(layout.shown[0]):
        for across in range(layout.shown[1]):
            at = [[one] for one in planes.index(down, across)]
            for axis in (planes.rows, planes.columns):
                if axis is not None:
                    at[axis] = list(planes.chosen[axis])
            shown[down, across] = array[np.ix_(*at)].reshape(planes.size)
    most = max(abs(plane).max() for plane in shown.values())
    found = dots(layout, lines)
    levels = LEVELS if colours else len(ABOVE) - 1
    for (down, across), plane in shown.items():
        for row in range(layout.cells[0]):
            for column in range(layout.cells[1]):
                (high, wide), (tall, broad) = layout.block, layout.scale
                block = plane[row * high : (row + 1) * high, column * wide : (column + 1) * wide].reshape(-1)
                value = max(block, key=lambda one: (abs(one), one))
                level = max(1, round(abs(value) / most * levels)) * (1 if value > 0 else -1) if value else 0
                expected = colours.at(level) if colours else (ABOVE if level >= 0 else BELOW)[abs(level)]
                y, x = down * layout.pitch[0] + row * tall, across * layout.pitch[1] + column * broad
                assert {found[y + i][x + j] for i in range(tall) for j in range(broad)} == {expected}


@pytest.mark.parametrize("room", ROOMS, ids=str)
@pytest.mark.parametrize(("shape", "kind", "index"), CASES)
def test_the_numbers_beside_a_picture_are_indices_of_the_tensor(shape, kind, index, room):
    layout, lines = drawn(waves(list(shape)), kind, room, index)
    planes, top = layout.planes, top_of(layout)
    head = text(lines[top - 1])[: layout.gutter + layout.area[1]]
    for match in re.finditer(r"[\d·]+", head):
        dot = match.start() - layout.gutter
        if kind == "heat map":
            expected = str(planes.chosen[planes.columns][dot // layout.scale[1] * layout.block[1]])
        else:
            at = planes.index(0, dot // layout.pitch[1])
            expected = "·".join(str(at[axis]) for axis in planes.across)
        assert match[0] == expected
    assert re.search(r"\d", head)
    for number, line in enumerate(lines[top:][: math.ceil(layout.area[0] / 2)]):
        side = text(line)[: layout.gutter].strip()
        if side and kind == "heat map":
            assert side == str(planes.chosen[planes.rows][2 * number // layout.scale[0] * layout.block[0]])
        elif side:
            assert side == str(planes.index(2 * number // layout.pitch[0], 0)[0])


@settings(max_examples=150, deadline=None)
@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    kernels=st.booleans(),
    room=st.tuples(st.integers(0, 45), st.integers(0, 160)),
    first=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    in_colour=st.booleans(),
)
@example(shape=[1, 1, 33], kernels=True, room=(3, 48), first=(0, 0), in_colour=True)
@example(shape=[1, 1, 1], kernels=True, room=(2, 40), first=(0, 0), in_colour=False)
def test_any_shape_fits_any_room_or_is_not_drawn(shape, kernels, room, first, in_colour):
    kind = "kernels" if kernels and len(shape) > 2 else "heat map"
    found = drawn(np.zeros(shape), kind, room, first=first, colours=COLOURS if in_colour else None)
    if found is None:
        assert room[0] < 12 or room[1] < 60
        return
    layout, _ = found
    assert layout.area[0] <= room[0] * layout.dots.in_line
    assert layout.area[1] * layout.dots.width <= room[1]
    for way in (0, 1):
        assert 0 <= layout.first[way] <= layout.first[way] + layout.shown[way] <= layout.planes.counts[way]


@pytest.mark.parametrize("theme", THEMES)
def test_the_two_signs_and_zero_are_told_apart_in_every_theme(theme):
    """By their difference in CIE L*a*b*: 2.3 is just noticed."""
    colours = Colours.of_theme(THEMES[theme])
    lab = {}
    for level in range(-LEVELS, LEVELS + 1):
        red, green, blue = (int(colours.at(level)[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (red, green, blue)]
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
        x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089])
        lab[level] = np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
    for one, other, least in ((-LEVELS, LEVELS, 25), (0, LEVELS, 25), (0, -LEVELS, 25), (-3, 3, 5)):
        assert np.linalg.norm(lab[one] - lab[other]) > least
    assert all(np.linalg.norm(lab[one] - lab[other]) > 1 for one, other in pairwise(range(-LEVELS, LEVELS + 1)))


def test_a_small_value_is_never_drawn_as_zero_nor_zero_as_a_value():
    scale = Scale(1000.0)
    assert [scale.level(value) for value in (0.0, 1e-9, -1e-9, 1000.0, -1000.0)] == [0, 1, -1, LEVELS, -LEVELS]
    assert Scale(0.0).level(0.0) == 0


@pytest.mark.parametrize("colours", [COLOURS, None], ids=["colours", "characters"])
def test_what_is_not_finite_has_a_mark_and_is_counted(colours):
    array = np.ones((6, 6))
    array[1, 2], array[5, 5] = np.nan, -np.inf
    _, lines = drawn(array, "heat map", (30, 70), colours=colours)
    told = "\n".join(map(text, lines))
    assert "× NaN or Inf in 2 cells" in told
    assert told.count("×") > 2
    assert "values 1 … 1" in told
    nothing = "\n".join(map(text, drawn(np.full((2, 2), np.nan), "heat map", (30, 70), colours=colours)[1]))
    assert "values ? … ?" in nothing


def test_what_a_cell_stands_for_is_said():
    told = "\n".join(map(text, drawn(np.ones((400, 300)), "heat map", (30, 70))[1]))
    assert "1 cell: of 9×5 elements that furthest from 0" in told
    assert "sampled" not in told
    sampled = "\n".join(map(text, drawn(np.broadcast_to(1.0, (9000, 9000)), "heat map", (30, 70))[1]))
    assert re.search(r"sampled: 1 row in \d+", sampled)


async def test_a_key_steps_from_numbers_to_a_heat_map_and_to_kernels():
    async with session() as ui:
        assert "mean ± std" in await ui.press("down", "V"), "from another panel it opens this one as it was"
        assert "heat map of [0, 0, row, column], plane 1 of 18" in await ui.press("V")
        assert "kernels ↓ 0 … 5  → 0 … 2" in await ui.press("V")
        assert "mean ± std" in await ui.press("V")


@pytest.mark.slow
async def test_the_choice_stays_while_the_cursor_moves():
    """A matrix has no kernels and shows its numbers; the next convolution shows kernels again."""
    async with session() as ui:
        await ui.press("down", "4", "V", "V")
        assert "mean ± std" in await ui.press("end")
        assert ui.app.row.path == "fc"
        assert "kernels ↓" in await ui.press("home", "down")
        assert "heat map of [row, column]" in await ui.press("end", "V")


@pytest.mark.slow
async def test_a_picture_is_of_the_index_typed():
    async with session() as ui:
        await ui.press("down", "4", "V", "4", *"4,:,:,1", "enter")
        assert "heat map of [4, row, column, 1]" in ui.text
        await ui.press("V")
        assert "kernels ↓ 4  → 0 … 2" in ui.text
        assert "9 is outside axis 0" in await ui.press("4", "backspace", *["backspace"] * 6, "9", "enter")


@pytest.mark.slow
async def test_arrows_move_to_other_kernels_and_stop_at_the_last():
    table = lenet()
    large = tensor("conv1.weight", [64, 40, 5, 5])
    table = msgspec.structs.replace(table, tensors=[large, *table.tensors[1:]])
    async with session(table) as ui:
        await ui.press("down", "4", "V", "V", "tab")
        first = re.search(r"kernels ↓ 0 … (\d+) of 64  → 0 … (\d+) of 40", ui.text)
        down, across = int(first[1]) + 1, int(first[2]) + 1
        await ui.press("down", "l", "l")
        assert f"kernels ↓ 1 … {down} of 64  → 2 … {across + 1} of 40" in ui.text
        await ui.press("pagedown", "shift+right")
        assert f"kernels ↓ {down + 1} … {2 * down} of 64" in ui.text
        await ui.press(*["pagedown"] * 12)
        assert f"kernels ↓ {64 - down} … 63 of 64" in ui.text
        assert f"kernels ↓ 0 … {down - 1} of 64  → 0 … {across - 1} of 40" in await ui.press("home")
        assert ui.app.row.path == "conv1", "the tree's cursor stays"


@pytest.mark.slow
async def test_arrows_in_a_heat_map_go_to_the_next_plane():
    async with session() as ui:
        await ui.press("down", "4", "V", "tab")
        assert "[1, 1, row, column], plane 5 of 18" in await ui.press("down", "down", "down", "down")
        assert "plane 4 of 18" in await ui.press("up")


@pytest.mark.slow
async def test_another_size_asks_again_only_where_other_cells_fit():
    async with session(size=(160, 45)) as ui:
        await ui.press("end", "4", "V")
        before = len(ui.client.asked_for(protocol.DrawValues))
        await ui.pilot.resize_terminal(160, 44)
        await ui.press("f", "escape")
        assert len(ui.client.asked_for(protocol.DrawValues)) == before, "ten rows fit either way"
        await ui.pilot.resize_terminal(90, 30)
        await ui.press("f", "escape")
        assert len(ui.client.asked_for(protocol.DrawValues)) > before
        assert "heat map of [row, column]" in ui.text


@pytest.mark.parametrize(
    ("shape", "words"), [([], "a single number has no picture"), ([0, 3], "this tensor has no elements")]
)
async def test_where_there_is_no_picture_the_key_says_why(shape, words):
    table = lenet()
    table = msgspec.structs.replace(table, tensors=[tensor("conv1.weight", shape), *table.tensors[1:]])
    async with session(table) as ui:
        await ui.press("down", "4")
        assert words in await ui.press("V")
        assert not ui.client.asked_for(protocol.DrawValues)


async def test_without_colours_characters_say_sign_and_size(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with session() as ui:
        shown = await ui.press("down", "4", "V", "V")
        assert "#≡=- 0 ░▒▓█" in shown
        assert "▀" not in shown
        assert all(2 * mark in shown for mark in "#≡=-░▒▓█")


async def test_a_name_is_never_read_as_markup():
    key = "conv1.we[/]ight[red]"
    table = lenet()
    table = msgspec.structs.replace(table, tensors=[tensor(key, [6, 3, 5, 5]), *table.tensors[1:]])
    client = FakeClient(table)
    async with session(client=client) as ui:
        assert key in await ui.press("down", "4", "V", "V")
