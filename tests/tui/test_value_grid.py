"""The table of values: every number stands under its own index, whatever the width cuts off."""

import re

import pytest
import torch
from fake_client import FakeClient, lenet
from screen_text import session

from inspector.core.wording import number
from inspector.engine.values import read_values
from inspector.tui.page import Page
from inspector.tui.value_grid import value_grid
from inspector.worker import protocol

GENERATOR = torch.Generator().manual_seed(0)
TENSOR = torch.randn(3, 70, 90, generator=GENERATOR) * 10.0 ** torch.randint(-6, 6, (3, 70, 90), generator=GENERATOR)


def drawn(tensor, index, width):
    page = Page()
    value_grid(page, read_values(tensor, "weight", index, 64), list(tensor.shape))
    return page.content(width).plain.splitlines()


def numbers_by_index(lines):
    """(row, column) → the number as written, from where the texts end on their lines."""
    at = next(i for i, line in enumerate(lines) if re.fullmatch(r"[\d …]+", line))
    heads = {match.end(): int(match[0]) for match in re.finditer(r"\d+", lines[at])}
    found = {}
    for line in lines[at + 1 :]:
        row, *values = re.finditer(r"[^ …]+", line)
        found.update({(int(row[0]), heads[one.end()]): one[0] for one in values})
    return found


@pytest.mark.parametrize("width", [0, 30, 51, 76, 200])
@pytest.mark.parametrize(
    ("index", "plane"),
    [("", TENSOR[0]), ("2", TENSOR[2]), ("[:, 4]", TENSOR[:, 4]), ("1, 5:60:3, 7:80:11", TENSOR[1])],
)
def test_every_number_stands_under_its_index(width, index, plane):
    lines = drawn(TENSOR, index, width)
    assert not width or max(len(line) for line in lines if not line.startswith("columns")) <= width
    found = numbers_by_index(lines)
    assert len(found) >= 3
    assert found == {(row, column): number(plane[row, column].item()) for row, column in found}
    if index.startswith("1, 5"):
        assert {row for row, _ in found} == set(range(5, 60, 3))
        assert {column for _, column in found} <= set(range(7, 80, 11))


def test_what_is_cut_is_said_and_where_one_is():
    lines = drawn(TENSOR, "2", 76)
    shown = max(column for _, column in numbers_by_index(lines)) + 1
    assert shown < 90
    assert lines[0] == "Values  [2, row, column]"
    assert f"columns 0 … {shown - 1} of 90, rows 0 … 63 of 70" in lines[1]
    assert all(line.endswith("…") for line in lines[2:])
    assert not any("…" in line for line in drawn(TENSOR[:, :4, :4], "", 76))


@pytest.mark.parametrize(("index", "text"), [("[0, 3, 2]", [0, 3, 2]), ("[1, 2, 5:7]", [1, 2, slice(5, 7)])])
def test_vectors_and_single_elements_have_no_rows(index, text):
    lines = drawn(TENSOR, index, 76)
    assert lines[-1].split() == [number(one) for one in TENSOR[tuple(text)].reshape(-1).tolist()]


@pytest.mark.slow
async def test_the_table_fits_the_panel_also_after_a_resize():
    client = FakeClient(lenet())
    weight = torch.randn(6, 3, 5, 5, generator=GENERATOR)
    client.answers[protocol.Values] = lambda request: read_values(weight, request.key, request.index, request.limit)
    async with session(client=client, size=(120, 40)) as ui:
        await ui.press("down", "4")
        for width in (120, 80, 160):
            await ui.pilot.resize_terminal(width, 45)
            await ui.press("down", "up")
            await ui.press("tab", *["pagedown"] * 6, "tab")
            rows = [line for line in ui.text.splitlines() if number(weight[0, 0, 4, 0].item()) in line]
            assert len(rows) == 1
            expected = [number(one) for one in weight[0, 0, 4].tolist()]
            assert rows[0].split()[-5:] == expected or rows[0].split()[-1] == "…"
