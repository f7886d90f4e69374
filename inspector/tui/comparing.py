"""Comparing what is open with another file or model: asking which, reading both, showing and keeping the result."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.differences import Aligned, DiffReport, State
from inspector.core.graph_comparison import GraphComparison
from inspector.core.recipe import Recipe, parse_target
from inspector.worker.protocol import CompareModels, Diff, Open, Save

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


@dataclass
class Difference:
    """A comparison, and how it is looked at."""

    a: str
    b: str
    """What was compared with what, as typed."""
    report: DiffReport
    graphs: GraphComparison | None = None
    """Nodes and values too, where one of the two is an ONNX graph."""
    sorted_by_change: bool = True
    state: State | None = None
    """The only state on show; None for all."""
    line: int = 0
    """Under the cursor."""


def compare_with(app: NNInspectApp) -> None:
    """Show the comparison that is kept; where there is none, ask what to compare with."""
    if app.difference is None:
        ask_what(app)
    else:
        _show(app, app.difference)


def ask_what(app: NNInspectApp) -> None:
    """Ask for the other file or model; compare, and show the result."""
    from inspector.tui.compare_dialog import CompareDialog

    def start(chosen: Recipe | None) -> None:
        if chosen is not None:
            app.conversation.spawn(compare(chosen))

    async def compare(other: Recipe) -> None:
        weights = f" with {app.recipe.weights}" if app.recipe.weights else ""
        names = f"{app.recipe.target}{weights}", other.target
        if "onnx" in (parse_target(one.target).kind for one in (app.recipe, other)):
            graphs = await _graphs_compared(app, other)
            made = Difference(*names, graphs.tensors, graphs) if graphs is not None else None
        else:
            report = await _compared(app, other)
            made = Difference(*names, report) if report is not None else None
        if made is not None:
            app.difference = made
            _show(app, made)

    app.push_screen(CompareDialog(app.difference.b if app.difference else "", app.recipe), start)


async def _compared(app: NNInspectApp, other: Recipe) -> DiffReport | None:
    """The answer; a model is opened in a worker of its own, whose state_dict becomes a file for the while."""
    doing = f"comparing with {other.target}"
    if parse_target(other.target).kind == "weights":
        return await app.conversation.ask(Diff(other=other.target), doing)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "other.pt")
        client = app.client.beside(other)
        app.conversation.listen(client)
        try:
            await client.start()
            if await app.conversation.ask(Open(recipe=other), f"opening {other.target}", other=client) is None:
                return None
            if await app.conversation.ask(Save(path=path), f"reading {other.target}", other=client) is None:
                return None
        finally:
            await client.close()
        return await app.conversation.ask(Diff(other=path), doing)


async def _graphs_compared(app: NNInspectApp, other: Recipe) -> GraphComparison | None:
    """The answer of a worker of its own, which opens both; what was changed here is saved aside for it."""
    with tempfile.TemporaryDirectory() as folder:
        mine = replace(app.recipe, inputs=app.inputs)
        if app.can_undo:
            is_graph = parse_target(mine.target).kind == "onnx"
            path = str(Path(folder) / ("a.onnx" if is_graph else "a.pt"))
            if await app.conversation.ask(Save(path=path), "saving the changes aside") is None:
                return None
            mine = replace(mine, target=path) if is_graph else replace(mine, weights=path, container=None)
        client = app.client.beside(other if parse_target(other.target).kind == "onnx" else mine)
        app.conversation.listen(client)
        try:
            await client.start()
            request = CompareModels(a=mine, b=replace(other, inputs=app.inputs))
            return await app.conversation.ask(request, f"comparing with {other.target}", other=client)
        finally:
            await client.close()


def _show(app: NNInspectApp, difference: Difference) -> None:
    graphs = difference.graphs
    if graphs is not None and (graphs.table or graphs.graph):
        _show_graphs(app, difference, graphs)
    else:
        _show_tensors(app, difference)


def _show_graphs(app: NNInspectApp, difference: Difference, graphs: GraphComparison) -> None:
    from inspector.tui.comparison_screen import ComparisonScreen, Wish
    from inspector.tui.export_page import graph_comparison_page

    def leave(wish: Wish | None) -> None:
        if wish == "tensors":
            _show_tensors(app, difference)
        elif wish == "another":
            ask_what(app)

    page = graph_comparison_page(graphs, difference.a, difference.b)
    app.push_screen(ComparisonScreen(page, graphs.comparison, graphs.table, graphs.graph, wishes=True), leave)


def _show_tensors(app: NNInspectApp, difference: Difference) -> None:
    from inspector.tui.difference_screen import DifferenceScreen

    def leave(chosen: Aligned | None) -> None:
        if chosen is not None:
            _go_to(app, difference.report, chosen)

    app.push_screen(DifferenceScreen(difference), leave)


def _go_to(app: NNInspectApp, report: DiffReport, row: Aligned) -> None:
    """To the tensor in the tree, and to its values."""
    if app.table is None:
        return
    key = f"{report.container_a}.{row.keys_a[0]}" if report.container_a else row.keys_a[0]
    places = {one.path: one.index for one in reversed(app.table.rows)}
    path = key
    while path and path not in places:
        path = path.rpartition(".")[0]
    app.tensor_key = key
    app.module_tree.go_to_row(places.get(path, 0))
    app.side.open("values")
    app.look()
