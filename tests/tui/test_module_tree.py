"""The tree over the flat table: folding against a recursive oracle, and a hundred thousand rows."""

import pytest
from fake_client import lenet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core.table import ModelInfo, ModelTable, Row
from inspector.tui.dressed_app import DressedApp
from inspector.tui.module_tree import ModuleTree
from inspector.tui.tree_folds import SHOWN_AT_FIRST, first_folds

pytestmark = pytest.mark.slow


class TreeApp(DressedApp):
    CSS_PATH = "../../inspector/tui/nninspect.tcss"

    def compose(self):
        yield ModuleTree(id="tree")

    @property
    def shown(self) -> ModuleTree:
        return self.query_one(ModuleTree)


def nested(nesting) -> list[Row]:
    """Preorder rows of nested lists; an integer is a function row."""
    rows: list[Row] = []

    def add(node, parent, depth, path):
        index = len(rows)
        rows.append(None)
        for number, child in enumerate(node if isinstance(node, list) else []):
            add(child, index, depth + 1, f"{path}.{number}" if path else str(number))
        kind = "module" if isinstance(node, list) else "function"
        rows[index] = Row(
            index=index, parent=parent, kind=kind, path=path, type="T", name=path.rpartition(".")[2], depth=depth,
            subtree=len(rows) - index,
        )  # fmt: skip

    add(nesting, None, 0, "")
    return rows


def table_of(rows: list[Row]) -> ModelTable:
    return ModelTable(model=ModelInfo(name="m", framework="torch", target="m.py"), rows=rows)


def expected(rows, folded, functions) -> list[int]:
    """The rows on show, from the definition: no folded ancestor, and no hidden function."""

    def hidden(row):
        if row.kind == "function" and not functions:
            return True
        above = row.parent
        while above is not None:
            if above in folded:
                return True
            above = rows[above].parent
        return False

    return [row.index for row in rows if not hidden(row)]


NESTINGS = st.recursive(st.just([]) | st.integers(0, 3), lambda inner: st.lists(inner, max_size=4), max_leaves=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NESTINGS.filter(lambda nesting: isinstance(nesting, list)), st.data())
async def test_what_is_on_show_is_what_no_fold_hides(nesting, data):
    rows = nested(nesting)
    async with TreeApp().run_test(size=(80, 24)) as pilot:
        tree = pilot.app.shown
        tree.show(table_of(rows))
        folded: set[int] = set()
        functions = True
        for _ in range(6):
            row = data.draw(st.sampled_from(tree.lines()))
            step = data.draw(st.sampled_from(["fold", "unfold", "functions"]))
            if step == "fold" and tree.fold(row):
                folded.add(row)
            elif step == "unfold" and tree.unfold(row):
                folded.discard(row)
            elif step == "functions":
                tree.toggle_functions()
                functions = not functions
            assert list(tree.lines()) == expected(rows, folded, functions)
            assert 0 <= tree.cursor < len(tree.lines())


async def test_going_to_a_row_unfolds_what_hides_it():
    rows = nested([[[[]]], []])
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.shown
        tree.show(table_of(rows))
        for row in (2, 1, 0):
            tree.fold(row)
        assert list(tree.lines()) == [0]
        tree.go_to_row(3)
        assert tree.row_at == 3


async def test_folds_and_place_survive_a_new_table_with_more_rows():
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.shown
        tree.show(lenet(traced=False))
        tree.go_to_row(2)
        assert tree.current.path == "fc"
        tree.show(lenet())
        assert tree.current.path == "fc"
        tree.fold(0)
        tree.show(lenet())
        assert list(tree.lines()) == [0]


async def test_plus_and_minus_unfold_and_fold_everything_below():
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.shown
        tree.show(table_of(nested([[[[]], []], []])))
        tree.focus()
        await pilot.press("minus")
        assert list(tree.lines()) == [0]
        await pilot.press("right")
        assert list(tree.lines()) == [0, 1, 5]
        await pilot.press("plus")
        assert list(tree.lines()) == [0, 1, 2, 3, 4, 5]


async def test_keys_move_fold_and_unfold():
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.shown
        tree.show(table_of(nested([[[], []], []])))
        tree.focus()
        steps = {
            "j": 1, "down": 2, "k": 1, "G": 4, "g": 0, "l": 1, "right": 2, "h": 1, "left": 1, "end": 2, "home": 0,
            "pagedown": 2, "pageup": 0,
        }  # fmt: skip
        for key, line in steps.items():
            await pilot.press(key)
            assert tree.cursor == line, key
        assert list(tree.lines()) == [0, 1, 4]
        await pilot.press("space")
        assert list(tree.lines()) == [0]


def large(total: int) -> list[Row]:
    """A root, a thousand blocks, and leaves in each."""
    leaves = total // 1000 - 1
    rows = [Row(index=0, parent=None, kind="module", path="", type="Net", depth=0, subtree=1 + 1000 * (leaves + 1))]
    for block in range(1000):
        at = len(rows)
        path = f"layers.{block}"
        rows.append(
            Row(
                index=at, parent=0, kind="module", path=path, type="Block", name=str(block), depth=1,
                subtree=leaves + 1, parameters=1000,
            )
        )  # fmt: skip
        rows += [
            Row(
                index=at + 1 + i, parent=at, kind="module", path=f"{path}.{i}", type="Linear", name=str(i), depth=2,
                parameters=10, hyperparameters="in_features=1, out_features=1",
            )
            for i in range(leaves)
        ]  # fmt: skip
    return rows


def test_a_large_model_opens_folded_to_about_a_thousand_rows():
    rows = large(100_000)
    folded = first_folds(rows)
    assert len(expected_by_skipping(rows, folded)) <= SHOWN_AT_FIRST + 1
    assert not folded[0]
    assert not any(first_folds(rows[:1]))


def expected_by_skipping(rows, folded):
    shown, index = [], 0
    while index < len(rows):
        shown.append(index)
        index += rows[index].subtree if folded[index] else 1
    return shown


@pytest.mark.slow
async def test_of_a_hundred_thousand_rows_only_those_on_screen_are_drawn(monkeypatch):
    """How long opening and folding take is measured in `benchmarks/interface.py`."""
    table = table_of(large(100_000))
    async with TreeApp().run_test(size=(120, 40)) as pilot:
        tree = pilot.app.shown
        drawn = []
        render = tree.render_line
        monkeypatch.setattr(tree, "render_line", lambda y: (drawn.append(y), render(y))[1])
        tree.show(table)
        await pilot.pause()
        tree.fold_all(0, folded=False)
        await pilot.pause()
        assert len(tree.lines()) == len(table.rows)
        assert tree.fold(1)
        await pilot.pause()
        assert len(tree.lines()) < len(table.rows)
        assert 0 < len(drawn) <= 10 * 40


def chain(names) -> list[Row]:
    """Modules each inside of the one before."""
    return [
        Row(index=i, parent=i - 1 if i else None, kind="module", path=".".join(names[1 : i + 1]), type="T", name=name,
            depth=i, subtree=len(names) - i)
        for i, name in enumerate(names)
    ]  # fmt: skip


async def beginnings(names, size) -> list[str]:
    """What stands before the name on each line."""
    async with TreeApp().run_test(size=size) as pilot:
        tree = pilot.app.shown
        tree.show(table_of(chain(names)))
        tree.fold_all(0, folded=False)
        await pilot.pause()
        lines = [tree.render_line(1 + i).text for i in range(len(names))]
        return [line[: line.index(name)] for line, name in zip(lines, names, strict=True)]


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_short_names_stand_two_cells_further_right_at_every_depth(width):
    names = ["moe", "layers", "0", "experts", "1", "w", "x", "y", "z", "q"]
    for depth, before in enumerate(await beginnings(names, (width, 24))):
        assert len(before) == 2 * depth + 2
        assert before.strip(" ▾") == ""


async def test_where_depth_takes_the_room_of_names_its_number_stands_in_its_place():
    before = await beginnings(["model", *(f"block_{i}" for i in range(20))], (60, 24))
    numbered = {depth: text for depth, text in enumerate(before) if "…" in text}
    assert 20 in numbered
    for depth, text in numbered.items():
        assert text.strip(" …▾") == str(depth)
    assert len({len(text) for text in numbered.values()}) == 1
