"""Panels, search, zoom, spelling, copying: what changes only the screen."""

import msgspec
import pytest
from fake_client import FORWARD, FakeClient, lenet
from rich.cells import cell_len
from screen_text import session

from inspector.core.results import SourceReport
from inspector.core.table import Note, Row
from inspector.tui.side import TITLES
from inspector.worker import protocol

pytestmark = pytest.mark.slow

FACTS = {
    "1": ["⌊(32 + 2·0 − 1·(5 − 1) − 1)/1⌋ + 1 = 28", "unit u sees pixels u … u + 4", "lenet.py:11"],
    "2": ["conv1.weight", "6×3×5×5", "model.conv1.weight", "450 elements, 1.76 KiB"],
    "3": ["conv1.bias", "trained by gradient descent"],
    "4": ["0.0012 ± 0.4", "25 %", "−0.25"],
    "5": ["Press f to run one"],
    "6": ["▶11", "max_pool2d(F.relu(self.conv1(x)), 2)"],
    "7": ["(14, 14) of 28×28", "14 … 18", "output 28×28"],
}


@pytest.mark.parametrize("key", FACTS)
async def test_each_panel_tells_its_facts(key):
    async with session(size=(160, 45)) as ui:
        await ui.press("down", key)
        for fact in FACTS[key]:
            assert fact in ui.text


@pytest.mark.parametrize(
    ("keys", "text", "caption"),
    [
        ([], None, "LeNet.forward"),
        (["down"], None, "LeNet.forward, which calls conv1"),
        (["down", "down"], None, "LeNet.forward, which calls relu"),
        (["down"], "    @cached\n    def _inner(self):\n        ...\n", "LeNet._inner, which calls conv1"),
        (["down"], "async def pool(x):\n    ...\n", "pool, which calls conv1"),
        (["down"], "Conv(x) -> y", None),
    ],
)
async def test_the_source_says_whose_code_it_is(keys, text, caption):
    client = FakeClient()
    indented = "".join(f"    {line}" for line in FORWARD.splitlines(keepends=True))
    client.answers[protocol.SourceOf] = lambda request: SourceReport(
        path=request.path, file="lenet.py", first_line=10, text=text or indented
    )
    async with session(client=client) as ui:
        await ui.press(*keys, "6")
        left, top, _, _ = ui.app.side.query_one("#source").region
        assert ui.text.splitlines()[top][left:].strip() == (caption or "lenet.py")


async def test_whose_code_it_is_stays_on_screen_when_the_code_is_scrolled():
    client = FakeClient()
    code = FORWARD.replace("    return", "    pass\n" * 60 + "    return")
    client.answers[protocol.SourceOf] = lambda request: SourceReport(
        path=request.path, file="lenet.py", first_line=10, text=code
    )
    async with session(client=client, size=(80, 24)) as ui:
        await ui.press("down", "6", "tab", "pagedown", "pagedown")
        assert "forward, which calls conv1" in ui.text
        assert "def forward" not in ui.text


async def test_notes_of_the_model_are_on_its_own_row_only():
    table = lenet()
    client = FakeClient(msgspec.structs.replace(table, notes=[Note(code="real-pass", message="run for real")]))
    async with session(client=client) as ui:
        assert "run for real" in ui.text
        for _ in table.rows[1:]:
            assert "run for real" not in await ui.press("down")


async def test_the_source_of_a_failure_says_so():
    async with session(lenet(failed=True)) as ui:
        assert "forward, where the pass failed" in await ui.press("6")


async def test_an_answer_is_asked_for_once():
    async with session() as ui:
        await ui.press("down", "4", "1", "4", "up", "down")
        assert len({repr(request) for request in ui.client.asked_for(protocol.Values)}) == len(
            ui.client.asked_for(protocol.Values)
        )


async def test_values_are_asked_for_at_the_index_typed():
    async with session() as ui:
        await ui.press("down", "4", "4")
        await ui.press(*"[0,1]", "enter")
        assert ui.client.asked_for(protocol.Values)[-1].index == "[0,1]"
        assert ui.client.asked_for(protocol.Values)[-1].key == "conv1.weight"


async def test_search_moves_while_typing_enter_stays_escape_returns():
    async with session() as ui:
        await ui.press("slash", "l", "i", "n", "e", "a", "r")
        assert ui.app.row.path == "fc"
        await ui.press("escape")
        assert ui.app.row.path == ""
        await ui.press("slash")
        await ui.write("sought", "conv")
        await ui.press("enter")
        assert ui.app.row.path == "conv1"
        assert ui.app.focused is ui.app.module_tree


def standing_out(ui) -> list[str]:
    """The names in the tree that are drawn as what was found."""
    tree = ui.app.module_tree
    found = tree.get_component_rich_style("rows--match").color
    drawn = [segment for y in range(1, tree.size.height) for segment in tree.render_line(y)]
    return [segment.text for segment in drawn if segment.style and segment.style.color == found]


async def test_every_row_that_is_found_stands_out_while_one_searches():
    async with session(lenet(failed=True)) as ui:
        await ui.press("slash", "c")
        assert standing_out(ui) == ["conv1", "fc"]
        await ui.press("o")
        assert standing_out(ui) == ["conv1"]
        ui.app.show_table(lenet(traced=False))
        await ui.press("backspace")
        assert standing_out(ui) == ["conv1", "fc"]
        await ui.press("enter")
        assert standing_out(ui) == []
        await ui.press("slash")
        assert standing_out(ui) == ["conv1", "fc"]
        await ui.press("escape")
        assert standing_out(ui) == []


async def test_n_goes_round_the_matches():
    async with session() as ui:
        await ui.press("slash")
        await ui.write("sought", "c")
        await ui.press("enter")
        seen = []
        for _ in range(4):
            seen.append(ui.app.row.path)
            await ui.press("n")
        assert seen[0] in seen[1:]
        here = ui.app.module_tree.row_at
        await ui.press("n", "N")
        assert ui.app.module_tree.row_at == here


async def test_v_hides_the_functions_and_keeps_the_place():
    async with session() as ui:
        await ui.press("end")
        assert "view" in [line.split()[0] for line in ui.text.splitlines() if line.split()]
        await ui.press("v")
        assert ui.app.row.path == "fc"
        assert "view" not in [line.split()[0] for line in ui.text.splitlines() if line.split()]


async def test_p_writes_keys_as_data_parallel_saves_them():
    async with session() as ui:
        await ui.press("down", "2")
        assert "module.conv1.weight" not in ui.text
        assert "module.conv1.weight" in await ui.press("p")
        assert "module.conv1.weight" not in await ui.press("p")


async def test_y_twice_copies_the_path_from_the_tree_and_the_expression_from_a_panel():
    async with session() as ui:
        await ui.press("down", "y", "y")
        assert ui.app.clipboard == "conv1"
        await ui.press("2", "tab", "down", "y", "y")
        assert ui.app.clipboard == "model.conv1.bias"


async def test_zoom_gives_the_whole_width_and_takes_it_back():
    async with session() as ui:
        await ui.press("z")
        assert ui.app.module_tree.size.width >= 119
        await ui.press("tab")
        assert ui.app.side.size.width == 120
        await ui.press("escape")
        assert ui.app.module_tree.size.width < 80


async def test_a_row_that_was_not_reached_says_so_in_whole_words():
    table = lenet(failed=True)
    rows = [
        msgspec.structs.replace(row, output_shapes=[[1, 9]] if row.output_shapes else [], reached=row.path == "")
        for row in table.rows
    ]
    rows[1] = msgspec.structs.replace(rows[1], output_shapes=[], reached=False)
    async with session(msgspec.structs.replace(table, rows=rows), size=(80, 24)) as ui:
        assert "not reached" in next(line for line in ui.text.splitlines() if "conv1" in line)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)])
async def test_tree_and_panel_are_both_usable_at_every_size(size):
    async with session(size=size) as ui:
        await ui.press("down")
        assert ui.app.module_tree.size.height >= 8
        assert ui.app.side.size.height >= 8
        assert "5×5 /1" in ui.text
        assert "3, 6, kernel_size=(5, 5)" in ui.text


async def test_the_mouse_chooses_rows_folds_and_opens_panels():
    async with session() as ui:
        await ui.pilot.click("#tree", offset=(8, 2))
        assert ui.app.row.path == "conv1"
        await ui.pilot.click("#tree", offset=(0, 1))
        assert len(ui.app.module_tree.lines()) == 1
        await ui.pilot.click("#tree", offset=(0, 1))
        assert len(ui.app.module_tree.lines()) == 6
        tabs = ui.app.side.query_one("#tabs")
        await ui.pilot.click("#tabs", offset=(tabs.render().plain.index("2"), 0))
        assert ui.app.side.current == "parameters"


@pytest.mark.parametrize("width", [60, 80, 110, 120, 160])
async def test_every_panel_has_a_tab_at_any_width_and_the_open_one_its_title(width):
    async with session(size=(width, 40)) as ui:
        for number, title in enumerate(TITLES.values(), 1):
            await ui.press(str(number))
            tabs = ui.app.side.query_one("#tabs")
            line = tabs.render().plain
            assert cell_len(line.rstrip()) <= tabs.size.width
            assert f"{number}{title}" in line.replace(" ", "")
            # The last tab is there only while a pass is stepped through, or its panel is open.
            tabs_now = len(TITLES) - (title != "Step")
            assert [int(digit) for digit in line if digit.isdigit()] == list(range(1, tabs_now + 1))


async def test_dialogs_are_walked_through_with_tab():
    async with session() as ui:
        await ui.press("f")
        walked = []
        for _ in range(7):
            walked.append(ui.app.focused.id)
            await ui.press("tab")
        assert walked == ["input-0", "batch", "distribution", "seed", "batches", "timed", "backward"]


async def test_the_help_lists_the_keys_and_escape_leaves_it():
    async with session() as ui:
        assert "Keys and marks" in await ui.press("question_mark")
        assert "Keys and marks" not in await ui.press("escape")


async def test_the_palette_finds_actions_by_name():
    async with session() as ui:
        await ui.press("ctrl+p")
        for key in "compare":
            await ui.pilot.press(key)
        await ui.until(lambda: "Compare with a clone" in ui.text, "the action is found")


async def test_while_an_answer_is_worked_out_the_panels_say_so_and_not_that_there_is_none():
    async with session() as ui:
        ui.client.gate.clear()
        await ui.pilot.press("3")
        await ui.until(lambda: "working out what each part of the keys means" in ui.text, "names worked out")
        assert "no tensor here has a key" not in ui.text
        ui.client.gate.set()
        await ui.press("escape")
        for keys, panel, said, unsaid in [
            (("f", "enter"), "5", "A pass runs", "No pass has run"),
            (("C",), "8", "The model is being checked", "Nothing has been checked"),
        ]:
            await ui.press(panel)
            assert unsaid in ui.text
            await ui.press(*keys[:-1])
            ui.client.gate.clear()
            await ui.pilot.press(keys[-1])
            await ui.until(lambda said=said: said in ui.text, said)
            assert unsaid not in ui.text
            ui.client.gate.set()
            await ui.press("escape")


async def test_a_preview_on_its_way_is_said_to_be():
    async with session() as ui:
        ui.client.gate.clear()
        await ui.pilot.press("i")
        await ui.until(lambda: "working it out…" in ui.text, "preview worked out")
        ui.client.gate.set()
        await ui.press("escape")


async def test_of_a_list_of_modules_the_pass_calls_what_is_below_it_and_a_row_it_never_called_is_said_to_be_so():
    rows = [
        row(0, None, "", "Net", reached=True, subtree=4),
        row(1, 0, "blocks", "ModuleList", subtree=2),
        row(2, 1, "blocks.0", "Linear", reached=True),
        row(3, 0, "unused", "Linear"),
    ]
    table = msgspec.structs.replace(lenet(), rows=rows, tensors=[], inputs=[])
    async with session(table) as ui:
        lines = {name: next(line for line in ui.text.splitlines() if name in line) for name in ("blocks", "unused")}
        assert "not reached" in lines["unused"]
        assert "not reached" not in lines["blocks"]
        assert "none of its own: its parts ran" in await ui.press("down")
        assert "none: it was never called" in await ui.press("down", "down")


def row(index: int, parent: int | None, path: str, kind: str, reached: bool = False, subtree: int = 1) -> Row:
    return Row(
        index=index, parent=parent, kind="module", path=path, name=path.rpartition(".")[2], type=kind,
        depth=path.count(".") + bool(path), reached=reached, subtree=subtree,
        output_shapes=[[1, 9]] if reached else [],
    )  # fmt: skip


@pytest.mark.parametrize("key", ["i", "f"])
@pytest.mark.parametrize("width", [60, 80, 120])
async def test_hints_beside_the_buttons_of_a_dialog_are_whole_or_not_there(key, width):
    async with session(size=(width, 24)) as ui:
        await ui.press(key)
        line = next(line for line in ui.text.splitlines() if "Cancel" in line)
        shown = line.partition("Cancel")[2].partition("│")[0].strip(" ▏▕█")
        whole = ["enter in a line applies", "esc goes back", "u undoes", "enter or ctrl+s"]
        assert [part for part in shown.split(" · ") if part not in (*whole, "")] == []
        assert width < 120 or "esc goes back" in shown
