"""How long the interface stands still, at 1,000 to 100,000 rows, beside Textual's own Tree and DataTable.

    python benchmarks/interface.py [--rows 1000 10000 100000] [--no-model]

Headless, 120×40. Pause: the longest gap of a heartbeat of 5 ms from a key until the screen is still, in time of the
processor, so that other programs do not count; frame: the time until the screen shows what the key did. First the
whole application opens `mixture_of_experts.py`, with its worker and the pipe between them, and then the index of a
checkpoint of such a model in shards; both are driven by keys. Then our tree, Textual's Tree and its DataTable hold the
same rows: scrolled by a page, the root's first block folded and unfolded, and filtered to a tenth (Tree and DataTable
by filling them with what is left); of 100,000 rows ours alone. The exit status is 1 where a pause of ours is over
0.1 s, or a row or tensor takes 1 kB.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy
from rich.text import Text
from rows import nested
from safetensors.numpy import save_file
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, Tree

from inspector.core.collection import pass_over_what_is
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.row_filters import kept_rows
from inspector.core.row_order import Arrangement
from inspector.core.table import ModelTable
from inspector.tui.app import NNInspectApp
from inspector.tui.module_tree import ModuleTree
from inspector.worker.opening import client_for

GOAL = 0.1
BYTES_A_ROW = 1000
REPEATS = 3
SHARDS, LAYERS, EXPERTS = 12, 60, 416
"""Of the checkpoint; layers and experts as of `mixture_of_experts.py`, whose torch this process does without."""
BEAT = 0.005
TEXTUALS_OWN_UP_TO = 10_000
"""Rows from which on Tree takes seconds for one fold and DataTable tens of seconds to fill: not measured there."""
KEYS = {
    "open": (),
    "scroll": ("pagedown", "pagedown", "end", "home"),
    "fold and unfold all": ("minus", "plus"),
    "scroll all": ("pagedown", "end", "home"),
    "fold levels": ("left_parenthesis", "right_parenthesis"),
    "search, each letter": ("slash", *"experts.7.gate", "enter", "n"),
    "filter, each letter": ("ampersand", *"type:Linear name:gate", "escape"),
    "sort": ("greater_than_sign",) * 4,
    "blocks": ("asterisk", "asterisk"),
    "go to": ("colon", *"layers.7", "tab", "enter"),
    "find by letters": ("ctrl+g", *"l7e9up", "enter"),
    "panels at the root": ("home", *"12345678", "1"),
}


class Heartbeat:
    """Notices how long the event loop does nothing else."""

    def __init__(self) -> None:
        self.longest = 0.0
        """Seconds between two beats."""
        self.work = 0.0
        """The same in time of the processor for this thread: other programs and threads do not count."""
        self._last, self._worked = time.perf_counter(), time.thread_time()

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            now, worked = time.perf_counter(), time.thread_time()
            self.longest = max(self.longest, now - self._last - BEAT)
            self.work = max(self.work, worked - self._worked)
            self._last, self._worked = now, worked

    def start(self) -> None:
        self.longest = self.work = 0.0
        self._last, self._worked = time.perf_counter(), time.thread_time()


def main() -> int:
    parser = argparse.ArgumentParser(description="Pauses of the interface beside Textual's own widgets.")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--no-model", action="store_true", help="only the widgets, not the whole application")
    chosen = parser.parse_args()
    # First, while nothing else has taken memory in this process.
    missed = not chosen.no_model and asyncio.run(whole_application(experts()))
    if not chosen.no_model:
        with tempfile.TemporaryDirectory() as folder:
            missed = asyncio.run(whole_application(Recipe(target=index_of_shards(Path(folder))))) or missed
    for count in chosen.rows:
        missed = asyncio.run(beside_textuals(nested(count))) or missed
    return int(missed)


async def beside_textuals(table: ModelTable) -> bool:
    """Print the figures of one size; whether one of ours misses the goal."""
    ours = await measured(OurTree(table))
    theirs: dict[str, dict[str, tuple[float, float]]] = {}
    if len(table.rows) <= TEXTUALS_OWN_UP_TO * 1.1:
        theirs = {"Tree": await measured(TheirTree(table)), "DataTable": await measured(TheirTable(table))}
    missed = False
    for action, (frame, pause) in ours.items():
        beside = ", ".join(
            f"{name} {other[action][0] * 1e3:.0f} ms ({other[action][0] / frame:.1f} times)"
            for name, other in theirs.items()
            if action in other
        )
        beside = beside or ("Tree, DataTable: not measured" if not theirs else "")
        missed = missed or pause > GOAL
        verdict = "" if pause <= GOAL else "  MISSED"
        figures = f"frame {frame * 1e3:5.1f} ms, pause {pause * 1e3:5.1f} ms"
        print(f"{len(table.rows):>7,} rows  {action:<6}  {figures}{verdict}; {beside}")
    return missed


class Held(App[None]):
    """One widget with the rows of a table, and what is done with it."""

    def __init__(self, table: ModelTable) -> None:
        super().__init__()
        self.rows = table
        self.left = [row.index for row in table.rows if row.index % 10 == 0]
        self.kept = kept_rows(table.rows, self.left)

    @property
    def widget(self) -> Widget:
        return self.query_one("#held")

    def actions(self) -> dict[str, Callable[[], object]]:
        raise NotImplementedError

    def again(self) -> None:
        """As before."""


class OurTree(Held):
    """The module tree."""

    def compose(self) -> ComposeResult:
        yield ModuleTree(id="held")

    def on_mount(self) -> None:
        self.query_one(ModuleTree).show(self.rows)
        self.query_one(ModuleTree).fold_all(0, folded=False)

    def actions(self) -> dict[str, Callable[[], object]]:
        tree = self.query_one(ModuleTree)
        return {
            "scroll": lambda: tree.action_rows("page_down"),
            "fold": lambda: tree.fold(1),
            "unfold": lambda: tree.unfold(1),
            "filter": lambda: tree.show_as(Arrangement(matching=self.left, kept=self.kept)),
        }

    def again(self) -> None:
        self.query_one(ModuleTree).show_as(Arrangement())
        self.query_one(ModuleTree).go_to(0)


class TheirTree(Held):
    """Textual's Tree with the same rows, all unfolded."""

    def compose(self) -> ComposeResult:
        yield Tree[int](Text("model"), id="held")

    def on_mount(self) -> None:
        self.fill(range(len(self.rows.rows)))

    def fill(self, indices: object) -> None:
        tree = self.query_one(Tree)
        tree.root.remove_children()
        nodes = {0: tree.root}
        chosen = set(indices)  # type: ignore[call-overload]
        for row in self.rows.rows[1:]:
            if row.index not in chosen:
                continue
            above = row.parent
            while above not in nodes:
                above = self.rows.rows[above or 0].parent or 0
            text = Text(f"{row.name}  {row.type}({row.hyperparameters})  {row.parameters}")
            nodes[row.index] = nodes[above].add(text, row.index, expand=True, allow_expand=row.subtree > 1)
        tree.root.expand()

    def actions(self) -> dict[str, Callable[[], object]]:
        tree = self.query_one(Tree)
        return {
            "scroll": tree.action_page_down,
            "fold": lambda: tree.root.children[0].collapse(),
            "unfold": lambda: tree.root.children[0].expand(),
            "filter": lambda: self.fill(self.left),
        }

    def again(self) -> None:
        self.fill(range(len(self.rows.rows)))


class TheirTable(Held):
    """Textual's DataTable with the same rows; it cannot fold."""

    def compose(self) -> ComposeResult:
        yield DataTable[Text](id="held", cursor_type="row")

    def on_mount(self) -> None:
        self.query_one(DataTable).add_columns("name", "module", "params")
        self.fill(range(len(self.rows.rows)))

    def fill(self, indices: object) -> None:
        table = self.query_one(DataTable)
        table.clear()
        rows = [self.rows.rows[index] for index in indices]  # type: ignore[attr-defined]
        table.add_rows(
            (Text(row.name), Text(f"{row.type}({row.hyperparameters})"), Text(str(row.parameters))) for row in rows
        )

    def actions(self) -> dict[str, Callable[[], object]]:
        return {"scroll": self.query_one(DataTable).action_page_down, "filter": lambda: self.fill(self.left)}

    def again(self) -> None:
        self.fill(range(len(self.rows.rows)))


async def measured(app: Held) -> dict[str, tuple[float, float]]:
    """Median seconds of a frame and the longest pause, of each action."""
    frames: dict[str, list[float]] = {}
    pauses: dict[str, float] = {}
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        heart = Heartbeat()
        beating = asyncio.create_task(heart.beat())
        for _ in range(REPEATS):
            for name, action in app.actions().items():
                await asyncio.sleep(4 * BEAT)
                heart.start()
                frames.setdefault(name, []).append(await painted(app.widget, action))
                await pilot.pause()
                pauses[name] = max(pauses.get(name, 0.0), heart.work)
            app.again()
            await pilot.pause()
        beating.cancel()
    return {name: (statistics.median(times), pauses[name]) for name, times in frames.items()}


async def painted(widget: Widget, action: Callable[[], object]) -> float:
    """Seconds from the start of `action` until the screen shows what it did."""
    done = asyncio.Event()
    began = time.perf_counter()
    action()
    widget.call_after_refresh(done.set)
    await done.wait()
    return time.perf_counter() - began


def experts() -> Recipe:
    """100,000 modules and as many tensors."""
    target = f"{Path(__file__).with_name('mixture_of_experts.py')}:MixtureOfExperts"
    return Recipe(target=target, inputs=[InputSpec(shape=[1, 64])])


def index_of_shards(folder: Path) -> str:
    """As many tensors of such a model in twelve files; the path of their index."""
    places: dict[str, str] = {}
    sizes = {"gate.weight": (4, 2), "up.weight": (4, 2), "down.weight": (2, 4), "down.bias": (2,)}
    for shard in range(SHARDS):
        layers = range(shard * LAYERS // SHARDS, (shard + 1) * LAYERS // SHARDS)
        tensors = {
            f"layers.{layer}.experts.{expert}.{name}": numpy.zeros(size, numpy.float32)
            for layer, expert in itertools.product(layers, range(EXPERTS))
            for name, size in sizes.items()
        }
        name = f"model-{shard + 1:05d}-of-{SHARDS:05d}.safetensors"
        save_file(tensors, folder / name)
        places |= dict.fromkeys(tensors, name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return str(index)


async def whole_application(recipe: Recipe) -> bool:
    """Open a model and go through it by keys; whether a goal was missed."""
    name = Path(recipe.target).name.partition(":")[0]
    client = client_for(recipe)
    app = NNInspectApp(client, recipe)
    # As `inspector.tui.app.run` does.
    pass_over_what_is()
    heart = Heartbeat()
    missed = False
    resident = resident_bytes()
    async with app.run_test(size=(120, 40)) as pilot:
        beating = asyncio.create_task(heart.beat())

        async def still() -> None:
            await app.conversation.settle()
            await pilot.pause()

        for action, keys in KEYS.items():
            heart.start()
            await pressed(pilot.press, keys, still)
            missed = missed or heart.work > GOAL
            verdict = "" if heart.work <= GOAL else f"  MISSED, the goal is {GOAL * 1e3:.0f} ms"
            pause = f"longest pause {heart.work * 1e3:6.1f} ms of work ({heart.longest * 1e3:.0f} ms by the clock)"
            print(f"{name}, {action:<20} {pause}{verdict}")
            if action == "open":
                gc.collect()
                missed = told_memory(name, app, resident_bytes() - resident) or missed
        beating.cancel()
        await still()
    await client.close()
    return missed


async def pressed(
    press: Callable[..., Awaitable[None]], keys: tuple[str, ...], still: Callable[[], Awaitable[None]]
) -> None:
    """Press keys, each once the screen is still."""
    await still()
    for key in keys:
        await press(key)
        await still()


def told_memory(name: str, app: NNInspectApp, grown: int) -> bool:
    """Print what a row or tensor takes; whether that is too much."""
    assert app.table is not None
    rows, tensors = len(app.table.rows), len(app.table.tensors)
    each = grown / (rows + tensors)
    print(f"{name}, {rows:,} rows and {tensors:,} tensors: {each:,.0f} B of resident memory for each")
    return each > BYTES_A_ROW


def resident_bytes() -> int:
    """What this process takes of the machine's memory, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
