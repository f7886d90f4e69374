"""How the module tree takes a hundred thousand rows: seconds to open, to fold and to unfold, until painted.

    python benchmarks/rows.py [--rows 100000]

Headless, 120×40. Two tables: one nested as models are, and one whose rows all stand below the root, so that
folding the root hides every one of them. Goals: open within 0.3 s, fold and unfold within 0.1 s, find the blocks that
repeat and fold them within 1 s; the exit status is 1 where the median of the repeats misses one.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable

from textual.app import App, ComposeResult

from inspector.core.table import ModelInfo, ModelTable, Row
from inspector.tui.module_tree import ModuleTree

GOALS = {"open": 0.3, "fold": 0.1, "unfold": 0.1, "blocks": 1.0}
REPEATS = 5


class Screen(App[None]):
    """Nothing but the tree."""

    def compose(self) -> ComposeResult:
        yield ModuleTree(id="tree")


def main() -> int:
    parser = argparse.ArgumentParser(description="Seconds to open and fold a large module tree.")
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    missed = False
    for name, table in (("nested", nested(count)), ("flat", flat(count))):
        seconds = asyncio.run(measure(table))
        for action, values in seconds.items():
            median = statistics.median(values)
            missed = missed or median > GOALS[action]
            verdict = "reached" if median <= GOALS[action] else "MISSED"
            what = f"{name:>6}, {len(table.rows):,} rows, {action:>6}"
            print(f"{what}: min {min(values):.3f} s, median {median:.3f} s, max {max(values):.3f} s; {verdict}")
    return int(missed)


async def measure(table: ModelTable) -> dict[str, list[float]]:
    """Seconds until painted, for every action, several times."""
    seconds: dict[str, list[float]] = {action: [] for action in GOALS}
    for _ in range(REPEATS):
        app = Screen()
        async with app.run_test(size=(120, 40)):
            tree = app.query_one(ModuleTree)
            seconds["open"].append(await painted(tree, lambda tree=tree: tree.show(table)))
            seconds["fold"].append(await painted(tree, lambda tree=tree: tree.fold(0)))
            seconds["unfold"].append(await painted(tree, lambda tree=tree: tree.unfold(0)))
            seconds["blocks"].append(await painted(tree, lambda tree=tree: tree.toggle_blocks()))
    return seconds


async def painted(tree: ModuleTree, action: Callable[[], object]) -> float:
    """Seconds from the start of `action` until the screen shows what it did."""
    done = asyncio.Event()
    began = time.perf_counter()
    action()
    tree.call_after_refresh(done.set)
    await done.wait()
    return time.perf_counter() - began


def flat(count: int) -> ModelTable:
    """`count` rows: a root, and all others below it."""
    return table_of([leaf(i, 0, 1, f"layer{i}") if i else branch(0, None, 0, "", count) for i in range(count)])


def nested(count: int, stages: int = 20, blocks: int = 50) -> ModelTable:
    """About `count` rows: stages of blocks of layers."""
    layers = max(1, (count - 1 - stages) // (stages * blocks) - 1)
    block_size = 1 + layers
    stage_size = 1 + blocks * block_size
    rows = [branch(0, None, 0, "", 1 + stages * stage_size)]
    for stage in range(stages):
        at = len(rows)
        rows.append(branch(at, 0, 1, f"stage{stage}", stage_size))
        for block in range(blocks):
            here = len(rows)
            rows.append(branch(here, at, 2, f"stage{stage}.{block}", block_size))
            rows.extend(leaf(here + 1 + i, here, 3, f"stage{stage}.{block}.layer{i}") for i in range(layers))
    return table_of(rows)


def branch(index: int, parent: int | None, depth: int, path: str, subtree: int) -> Row:
    name = path.rpartition(".")[2]
    return Row(
        index=index, parent=parent, kind="module", path=path, name=name, type="Block", depth=depth, subtree=subtree
    )


def leaf(index: int, parent: int, depth: int, path: str) -> Row:
    return Row(
        index=index, parent=parent, kind="module", path=path, name=path.rpartition(".")[2], type="Linear", depth=depth,
        hyperparameters="in_features=64, out_features=64, bias=True", parameters=4160, own_parameters=4160,
        trainable_parameters=4160, reached=True, output_shapes=[[1, 64]], dtype="float32", device="cpu",
    )  # fmt: skip


def table_of(rows: list[Row]) -> ModelTable:
    model = ModelInfo(name="Synthetic", framework="torch", target="synthetic")
    return ModelTable(model=model, rows=rows)


if __name__ == "__main__":
    sys.exit(main())
