"""Comparing with an ONNX graph in the interface: both trees in step, nodes counted, tensors one key away."""

import pytest
from fake_client import FakeClient, difference, lenet
from screen_text import session
from test_export import compared, graph

from inspector.core.graph_comparison import ChangedNode, GraphComparison, NodeDifferences
from inspector.core.recipe import Recipe
from inspector.tui.module_tree import ModuleTree
from inspector.worker import protocol

pytestmark = pytest.mark.slow
CHANGE = ChangedNode(a="conv1/Conv", b="conv1/Conv", what="strides", before="[1, 1]", after="[2, 2]")

NODES = NodeDifferences(only_a=["Relu (Relu)"], only_b=[], changed=[CHANGE], unchanged=7)


def answer(**changes) -> GraphComparison:
    settings = {
        "tensors": difference(), "nodes": NODES,
        "comparison": compared(parted=True), "table": lenet(), "graph": graph(),
    }  # fmt: skip
    return GraphComparison(**{**settings, **changes})


def comparing(made: GraphComparison) -> FakeClient:
    client = FakeClient()
    beside = client.beside

    def another(recipe: Recipe) -> FakeClient:
        other = beside(recipe)
        other.answers[protocol.CompareModels] = made
        return other

    client.beside = another
    return client


async def compare(ui) -> str:
    await ui.press("D")
    await ui.write("target", "other.onnx")
    return await ui.press("ctrl+s")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_nodes_rows_and_trees_are_on_one_screen_and_tensors_one_key_away(size):
    async with session(client=comparing(answer()), size=size) as ui:
        text = await compare(ui)
        for told in ("other.onnx", "7 unchanged, 1 changed (conv1/Conv: strides [1, 1] → [2, 2])", "1 only in A"):
            assert told in " ".join(text.split())
        trees = {tree.id: tree for tree in ui.app.screen.query(ModuleTree)}
        assert trees["model-tree"].table.model.framework == "torch"
        assert trees["graph-tree"].table.rows[trees["graph-tree"].row_at].path == "fc/Gemm", "where they part"
        assert "fc.weight" in await ui.press("t")
        await ui.press("escape")
        assert "fc/Gemm" in await ui.press("D"), "what was compared is kept"
        assert "Compare with" in await ui.press("D")


async def test_what_was_changed_is_saved_aside_and_compared():
    async with session(client=comparing(answer()), size=(120, 40)) as ui:
        await ui.press("M")
        await compare(ui)
        (asked,) = ui.client.others[0].asked_for(protocol.CompareModels)
        (saved,) = ui.client.asked_for(protocol.Save)
        assert asked.a.weights == saved.path
        assert (asked.a.target, asked.b.target) == (ui.app.recipe.target, "other.onnx")
        assert ui.client.others[0].closed


async def test_graphs_that_were_not_run_are_shown_with_the_reason():
    made = answer(comparison=None, notes=["values are not compared: the inputs differ"])
    async with session(client=comparing(made), size=(120, 40)) as ui:
        assert "the inputs differ" in await compare(ui)
        assert {tree.id for tree in ui.app.screen.query(ModuleTree)} == {"model-tree", "graph-tree"}
