"""Filters, order, folding to a depth, going to a row: what the tree shows then, on the screen and in lines."""

import msgspec
import pytest
from fake_client import FakeClient, found, lenet
from screen_text import session

from inspector.tui import arranging
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def shown(ui) -> list[str]:
    """The names in the tree, from the top."""
    tree = ui.app.module_tree
    return [tree.table.rows[line].name or tree.table.rows[line].type for line in tree.lines()]


async def test_a_filter_shows_rows_that_match_and_what_holds_them():
    async with session() as ui:
        await ui.press("ampersand", *"params>1k")
        assert shown(ui) == ["LeNet", "fc"]
        assert "2 of 6 rows" in ui.text
        await ui.press("enter")
        assert ui.app.focused is ui.app.module_tree
        assert "2 of 6 rows" in ui.text
        await ui.press("escape")
        assert shown(ui) == ["LeNet", "conv1", "relu", "max_pool2d", "view", "fc"]
        assert "rows" not in ui.text.splitlines()[-3]


async def test_what_is_wrong_with_a_filter_is_said_as_one_types_and_the_last_good_one_stays():
    async with session() as ui:
        await ui.press("ampersand", *"type:Conv2d")
        assert shown(ui) == ["LeNet", "conv1"]
        problem = "character 13: 'parms' is nothing to filter by; did you mean params>?"
        assert problem in await ui.press(*" parms>3")
        assert shown(ui) == ["LeNet", "conv1"]
        ui.app.arranging.again()
        assert problem in await ui.press("f12")


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["v"], ["LeNet", "conv1"]),
        (["v", "v"], ["LeNet", "conv1", "relu"]),
        (["asterisk"], ["LeNet", "conv1", "relu"]),
    ],
)
async def test_a_filter_stays_while_functions_are_hidden_and_blocks_are_folded(keys, names):
    async with session() as ui:
        await ui.press("ampersand", *"type:relu | type:Conv2d", "enter", *keys)
        assert shown(ui) == names
        assert f"{len(names) - 1} of 6 rows" in ui.text
        assert ui.app.module_tree.is_filtered


async def test_a_filter_that_is_dropped_while_rows_are_looked_at_is_looked_at_to_the_end(monkeypatch):
    monkeypatch.setattr(arranging, "AT_ONCE", 1)

    class Dropping:
        def matches(self, facts, rows):
            ui.app.arranging.filter = None
            return [row.index for row in rows]

        def unanswered(self, facts):
            return ""

    async with session() as ui:
        every = shown(ui)
        ui.app.arranging.show_only(Dropping())
        await ui.press("f12")
        assert shown(ui) == every


async def test_a_filter_survives_a_pass_and_finds_what_that_told():
    async with session() as ui:
        assert "tells of a pass" in await ui.press("ampersand", *"zeros>0.1", "enter")
        assert shown(ui) == ["LeNet"]
        await ui.press("f", "enter")
        assert len(shown(ui)) > 1
        assert "of 6 rows" in ui.text


async def test_going_to_a_row_that_the_filter_leaves_out_ends_the_filter():
    async with session() as ui:
        await ui.press("ampersand", *"type:Conv2d", "enter", "colon", "f", "c", "enter")
        assert ui.app.row.path == "fc"
        assert len(shown(ui)) == 6


async def test_folds_are_as_before_once_a_filter_ends():
    async with session() as ui:
        await ui.press("left")
        assert shown(ui) == ["LeNet"]
        await ui.press("ampersand", *"type:Conv2d")
        assert shown(ui) == ["LeNet", "conv1"]
        await ui.press("escape")
        assert shown(ui) == ["LeNet"]


async def test_siblings_are_sorted_and_the_title_of_the_column_says_so():
    async with session() as ui:
        order = shown(ui)
        assert "▲ name" in await ui.press("greater_than_sign")
        assert shown(ui) == ["LeNet", *sorted(order[1:])]
        assert "▼params" in await ui.press("greater_than_sign")
        assert shown(ui)[:3] == ["LeNet", "fc", "conv1"]
        assert "▲params" in await ui.press("less_than_sign")
        assert shown(ui)[-1] == "fc"
        assert "▼bytes" in await ui.press("greater_than_sign")


async def test_a_click_on_a_title_sorts():
    async with session() as ui:
        line = next(line for line in ui.text.splitlines() if "params" in line and "name" in line)
        await ui.pilot.click("#tree", offset=(line.index("params") + 1, 0))
        await ui.until(lambda: "▼params" in ui.text, "rows are sorted")
        assert shown(ui)[:3] == ["LeNet", "fc", "conv1"]


async def test_tensors_are_sorted_by_a_click_too():
    async with session() as ui:
        await ui.press("2", "tab", "greater_than_sign")
        tensors = ui.app.side.query_one("#tensors")
        keys = [tensors._tensors[row].key for row in tensors.lines()]
        assert keys == sorted(keys)
        await ui.press("greater_than_sign")
        sizes = [tensors._tensors[row].elements for row in tensors.lines()]
        assert sizes == sorted(sizes, reverse=True)


async def test_runs_are_sorted_by_their_columns():
    async with session(size=(160, 45)) as ui:
        await ui.press("f", "enter", "5", "tab", "greater_than_sign")
        runs = ui.app.side.query_one("#runs")
        names = [runs._view.report.table.rows[row].name for row in runs.lines()]
        assert names == sorted(names)


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("colon conv1", "conv1"),
        ("colon f", "fc"),
        ("colon 5", "fc"),
        ("ctrl+g c1", "conv1"),
        ("colon con tab", "conv1"),
    ],
)
async def test_one_goes_to_a_row_by_what_one_types(typed, path):
    key, letters, *rest = typed.split()
    async with session() as ui:
        await ui.press("left", key, *letters)
        if rest:
            await ui.press(*rest)
            assert ui.app.screen.query_one("#wanted").value == path
        await ui.press("enter")
        assert ui.app.row.path == path


async def test_down_chooses_another_match():
    async with session() as ui:
        await ui.press("colon", "down", "down")
        chosen = ui.app.screen.query_one("#places").row_at
        await ui.press("enter")
        assert chosen
        assert ui.app.row.index == chosen


async def test_levels_are_folded_and_unfolded():
    async with session() as ui:
        assert "folded to depth 0; 1 lines" in await ui.press("left_parenthesis")
        await ui.press("right_parenthesis")
        assert len(shown(ui)) == 6


async def test_problems_are_gone_through_round_the_end():
    table = lenet()
    load = msgspec.structs.replace(table.load, missing=["fc.weight"])
    client = FakeClient()
    client.answers[protocol.Open] = client.answers[protocol.Trace] = msgspec.structs.replace(table, load=load)
    client.answers[protocol.Check] = found()
    paths = {row.path for row in table.rows}
    about = {one.path if one.path in paths else one.path.rpartition(".")[0] for one in found().findings}
    async with session(client=client) as ui:
        await ui.press("right_curly_bracket")
        assert ui.app.row.path == "fc"
        await ui.press("C")
        met = set()
        for _ in range(8):
            await ui.press("right_curly_bracket")
            met.add(ui.app.row.path)
        assert met == {"fc", *about}
        before = ui.app.row.index
        await ui.press("right_curly_bracket", "left_curly_bracket")
        assert ui.app.row.index == before


async def test_without_problems_it_is_said():
    async with session() as ui:
        assert "no row is known to have a problem" in await ui.press("right_curly_bracket")


async def test_one_moves_to_siblings_and_to_the_module_above():
    async with session() as ui:
        await ui.press("down", "shift+down")
        assert ui.app.row.index == 2
        await ui.press("shift+up")
        assert ui.app.row.index == 1
        await ui.press("backspace")
        assert ui.app.row.index == 0
