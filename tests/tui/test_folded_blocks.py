"""Blocks that repeat, in the tree: one line for all of them, opened and closed like any other."""

import pytest
from checkpoints import transformer_file
from fake_client import lenet, tensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from screen_text import session

from inspector.core.repeated_blocks import runs_of
from inspector.core.table import ModelInfo, ModelTable, Row
from inspector.tui.tree_folds import Outline, TreeFolds

pytestmark = pytest.mark.slow
RUN = "layers.0…11 ×11"


def paths(ui) -> list[str]:
    """The lines on show: paths of rows, and titles of what stands for several."""
    folds = ui.app.module_tree._folds
    return [run.title if (run := folds.run_at(line)) else folds.rows[line].path for line in folds.lines]


async def test_in_a_file_they_are_folded_and_the_one_that_differs_is_seen(tmp_path):
    async with session(transformer_file(tmp_path)) as ui:
        assert RUN in ui.text
        assert "differs" in ui.text
        assert [path for path in paths(ui) if path.count(".") < 2] == ["", "embed", "head", "layers", RUN, "layers.7"]
        ui.app.module_tree.go_to(paths(ui).index(RUN))
        text = " ".join((await ui.press("down")).split())
        assert "mlp.up.weight 4×8, elsewhere 32×8" in text


@pytest.mark.parametrize("key", ["enter", "right", "space", "l"])
async def test_the_line_opens_and_closes_like_any_other(tmp_path, key):
    table = transformer_file(tmp_path)
    async with session(table) as ui:
        ui.app.module_tree.go_to(paths(ui).index(RUN))
        folded = paths(ui)
        await ui.press(key)
        assert {row.path for row in table.rows} | {RUN} == set(paths(ui))
        await ui.press("down", "left", "left")
        assert ui.app.module_tree.cursor == folded.index(RUN)
        await ui.press("left")
        assert paths(ui) == folded


async def test_the_line_has_the_sum_of_them_all_and_the_panel_tells_of_the_first(tmp_path):
    table = transformer_file(tmp_path)
    parameters = sum(one.elements for one in table.tensors if one.key.startswith("layers.") and ".7." not in one.key)
    assert parameters == 8448
    async with session(table, size=(160, 45)) as ui:
        ui.app.module_tree.go_to(paths(ui).index(RUN))
        text = await ui.press("2")
        (line,) = [line for line in text.splitlines() if "▸ layers.0…11 ×11" in line]
        assert "8.45 k" in line
        assert "mlp.up.weight" in text
        assert "33.0 KiB together" in await ui.press("1")


async def test_a_search_finds_rows_within_and_goes_on_to_the_next(tmp_path):
    async with session(transformer_file(tmp_path)) as ui:
        await ui.press("slash", *"5.mlp.up", "enter")
        assert ui.app.row.path == "layers.5.mlp.up"
        assert "layers.3.attn" in paths(ui)
        await ui.press("asterisk", "asterisk", "g", "slash", "ctrl+u", *"qkv", "enter")
        found = [ui.app.row.path]
        for _ in range(11):
            await ui.press("n")
            found.append(ui.app.row.path)
        order = [row.path for row in ui.app.table.rows if row.path.endswith("qkv")]
        assert found == order


async def test_a_filter_takes_the_line_of_blocks_away_and_gives_it_back(tmp_path):
    async with session(transformer_file(tmp_path)) as ui:
        folded = paths(ui)
        ui.app.module_tree.go_to(folded.index(RUN))
        await ui.press("ampersand", *"name:up")
        assert paths(ui)[:4] == ["", "layers", "layers.0", "layers.0.mlp"]
        await ui.press("escape")
        assert paths(ui) == folded
        assert paths(ui)[ui.app.module_tree.cursor] == RUN


@pytest.mark.parametrize(("filter", "origin"), [("name:0", "layers.0"), ("name:head", RUN)])
async def test_a_search_begun_on_the_line_of_blocks_returns_there_whatever_was_filtered_meanwhile(
    tmp_path, filter, origin
):
    async with session(transformer_file(tmp_path)) as ui:
        ui.app.module_tree.go_to(paths(ui).index(RUN))
        await ui.press("slash", *"head", "tab", "tab", "ampersand", *filter, "escape")
        assert paths(ui)[ui.app.module_tree.cursor] == origin


async def test_one_key_shows_every_block_and_folds_them_again(tmp_path):
    table = transformer_file(tmp_path)
    async with session(table) as ui:
        folded = paths(ui)
        await ui.press("asterisk")
        assert paths(ui) == [row.path for row in table.rows]
        ui.app.module_tree.go_to(paths(ui).index("layers.5.attn"))
        await ui.press("asterisk")
        assert paths(ui) == folded
        assert paths(ui)[ui.app.module_tree.cursor] == RUN


async def test_a_model_shows_every_block_until_it_is_asked_for(tmp_path):
    async with session(lenet()) as ui:
        before = paths(ui)
        assert "no 3 blocks that are alike" in await ui.press("asterisk")
        assert paths(ui) == before
    layers = [
        Row(index=n + 1, parent=0, kind="module", path=f"fc{n}", name=f"fc{n}", type="Linear", depth=1, parameters=4)
        for n in range(5)
    ]
    root = Row(index=0, parent=None, kind="module", path="", type="Net", depth=0, subtree=6, parameters=20)
    model = ModelInfo(name="Net", framework="torch", target="net.py", devices=["cpu"])
    tensors = [tensor(f"fc{n}.weight", [2, 2]) for n in range(5)]
    async with session(ModelTable(model=model, rows=[root, *layers], tensors=tensors)) as ui:
        assert paths(ui) == ["", "fc0", "fc1", "fc2", "fc3", "fc4"]
        await ui.press("asterisk")
        assert paths(ui) == ["", "fc0…4 ×5"]


async def test_plus_and_minus_take_the_lines_of_blocks_with_them(tmp_path):
    table = transformer_file(tmp_path)
    async with session(table) as ui:
        await ui.press("plus")
        assert sorted(paths(ui)) == sorted([*(row.path for row in table.rows), RUN])
        await ui.press("minus", "right")
        assert paths(ui) == ["", "embed", "head", "layers"]
        await ui.press("G", "right")
        assert paths(ui) == ["", "embed", "head", "layers", RUN, "layers.7"]


async def test_what_was_opened_stays_open_in_a_new_table(tmp_path):
    table = transformer_file(tmp_path)
    async with session(table) as ui:
        ui.app.module_tree.go_to(paths(ui).index(RUN))
        await ui.press("right")
        opened = paths(ui)
        ui.app.show_table(table)
        assert paths(ui) == opened
        assert paths(ui)[ui.app.module_tree.cursor] == RUN


def listed(counts: list[list[int]]) -> list[Row]:
    """A root, blocks of blocks, and leaves: how many leaves the inner blocks have."""
    rows: list[Row] = []

    def add(held, parent, depth, path):
        index = len(rows)
        rows.append(Row(index=index, parent=parent, kind="module", path=path, type="T", depth=depth))
        below = held if isinstance(held, list) else [None] * (held or 0)
        for number, child in enumerate(below):
            add(child, index, depth + 1, f"{path}.{number}" if path else str(number))
        rows[index] = Row(
            index=index, parent=parent, kind="module", path=path, type="T", depth=depth, name=path.rpartition(".")[2],
            subtree=len(rows) - index,
        )  # fmt: skip

    add(counts, None, 0, "")
    return rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=6), st.data())
def test_lines_are_those_that_nothing_folded_is_above_of(counts, data):
    rows = listed(counts)
    table = ModelTable(model=ModelInfo(name="m", framework="file", target="m"), rows=rows)
    runs = runs_of(table)
    folds = TreeFolds(Outline(rows), runs, True, None)
    every = [*range(len(rows)), *folds.run_lines()]

    def holder(line: int) -> int | None:
        if line >= len(rows):
            return runs[line - len(rows)].parent
        return next((len(rows) + n for n, run in enumerate(runs) if line in run.alike), rows[line].parent)

    def hidden(line: int) -> bool:
        above = holder(line)
        return above is not None and (folds.folded(above) or hidden(above))

    for _ in range(4):
        assert sorted(folds.lines) == [line for line in every if not hidden(line)]
        starts = [folds.row_at(line).index for line in folds.lines]
        assert starts == sorted(starts)
        line = data.draw(st.sampled_from(every))
        if data.draw(st.booleans()):
            folds.reveal(line)
            folds.lay()
            assert line in folds.lines
        else:
            folds.fold(line, data.draw(st.booleans()))
            folds.lay()
        assert folds.on_show(line) in folds.lines
