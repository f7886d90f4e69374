"""Exporting in the interface: the form, and the model and its file side by side."""

import pytest
from fake_client import FakeClient, lenet
from screen_text import session
from textual.widgets import Checkbox

from inspector.core.export import DynamicAxis, ExportedValue, ExportReport
from inspector.core.recipe import InputSpec
from inspector.core.row_comparison import ComparedOutput, ComparedPass, ComparedRow, Divergence, RowComparison
from inspector.core.table import ModelInfo, ModelTable, Row
from inspector.tui.compared_row_list import ComparedRowList
from inspector.tui.module_tree import ModuleTree
from inspector.worker import protocol

pytestmark = pytest.mark.slow


def graph() -> ModelTable:
    nodes = [("conv1/Conv", "Conv"), ("Relu", "Relu"), ("fc/Gemm", "Gemm")]
    rows = [Row(index=0, parent=None, kind="module", path="", type="graph", depth=0, subtree=4)]
    rows += [
        Row(index=at, parent=0, kind="node", path=path, type=type_, depth=1, name=path)
        for at, (path, type_) in enumerate(nodes, 1)
    ]
    return ModelTable(model=ModelInfo(name="main_graph", framework="onnx", target="x.onnx"), rows=rows)


def compared(parted: bool) -> RowComparison:
    rows = [
        ComparedRow(path="conv1", type="Conv2d", node="conv1/Conv", relative=1e-7, tolerance=1e-5, row=1, node_row=1),
        ComparedRow(
            path="", type="relu", kind="function", node="Relu", relative=1e-7, tolerance=1e-5, row=2, node_row=2
        ),
        ComparedRow(
            path="fc", type="Linear", node="fc/Gemm", relative=0.5, tolerance=1e-5, parted=parted, row=5, node_row=3
        ),
    ]
    first = Divergence(path="fc", node="fc/Gemm", relative=0.5, inputs=["1x3x32x32"]) if parted else None
    output = ComparedOutput(name="scores", relative=0.5 if parted else 0.0, tolerance=1e-5, parted=parted)
    made = ComparedPass(inputs=["1x3x32x32"], dtype="float32", outputs=[output], rows=rows, first_divergence=first)
    return RowComparison(passes=[made], modules=2, matched=2)


def report(parted: bool = True, verified: bool = True) -> ExportReport:
    value = ExportedValue(name="x", shape=["batch", 3, 32, 32], dtype="float32")
    return ExportReport(
        path="lenet.onnx", opset=20, bytes=4096, files=["/tmp/lenet.onnx"], inputs=[value], outputs=[value], nodes=3,
        comparison=compared(parted) if verified else None, graph=graph() if verified else None,
    )  # fmt: skip


def client(answer: ExportReport) -> FakeClient:
    made = FakeClient()
    made.answers[protocol.Export] = answer
    return made


async def test_the_form_asks_for_file_axes_opset_and_precision(tmp_path):
    async with session(client=client(report(verified=False)), size=(80, 24)) as ui:
        await ui.press("E")
        await ui.write("path", str(tmp_path / "out.onnx"))
        await ui.write("axes-0", "0=batch, 2")
        await ui.write("opset", "21")
        ui.app.screen.query_one("#half", Checkbox).value = True
        ui.app.screen.query_one("#verify", Checkbox).value = False
        await ui.press("ctrl+s")
        settings = ui.client.asked_for(protocol.Export)[0].settings
        assert settings.path == str(tmp_path / "out.onnx")
        assert settings.inputs == [InputSpec(name="x", shape=[1, 3, 32, 32])]
        assert settings.dynamic == [
            DynamicAxis(input="x", axis=0, name="batch"),
            DynamicAxis(input="x", axis=2, name="x_2"),
        ]
        assert (settings.opset, settings.half, settings.verify, settings.overwrite) == (21, True, False, False)
        assert "wrote lenet.onnx" in ui.text
        assert "0=batch, 2=x_2" in await ui.press("E"), "what was asked for is there again"


async def test_what_does_not_read_stays_in_the_form_and_a_file_is_overwritten_only_when_asked(tmp_path):
    (tmp_path / "out.onnx").write_bytes(b"")
    async with session(client=client(report()), size=(120, 40)) as ui:
        await ui.press("E")
        await ui.write("path", str(tmp_path / "out.pt"))
        assert "has to end in .onnx" in await ui.press("ctrl+s")
        await ui.write("path", str(tmp_path / "out.onnx"))
        await ui.write("axes-0", "height")
        assert "is not an axis" in await ui.press("ctrl+s")
        await ui.write("axes-0", "")
        assert "Press Export again to overwrite" in await ui.press("ctrl+s")
        assert not ui.client.asked_for(protocol.Export)
        await ui.press("ctrl+s")
        assert ui.client.asked_for(protocol.Export)[0].settings.overwrite


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_both_are_side_by_side_with_the_cursor_where_they_part(tmp_path, size):
    async with session(client=client(report()), size=size) as ui:
        await ui.press("E")
        await ui.write("path", str(tmp_path / "out.onnx"))
        await ui.press("ctrl+s")
        screen = ui.app.screen
        trees = {tree.id: tree for tree in screen.query(ModuleTree)}
        assert "the file parts from the model first at fc" in ui.text
        assert "◀ parts first" in ui.text
        assert screen.query_one(ComparedRowList).current.path == "fc"
        assert (trees["model-tree"].row_at, trees["graph-tree"].row_at) == (5, 3)
        await ui.press("up", "up")
        assert (trees["model-tree"].row_at, trees["graph-tree"].row_at) == (1, 1)
        await ui.press("tab", "down")
        assert (trees["model-tree"].row_at, trees["graph-tree"].row_at) == (2, 2)
        await ui.press("tab", "down")
        assert (trees["model-tree"].row_at, trees["graph-tree"].row_at) == (5, 3)
        await ui.press("escape")
        assert ui.app.screen is not screen
        assert not ui.app.screen.is_modal


async def test_an_onnx_model_says_why_not():
    table = lenet()
    onnx = type(table)(model=ModelInfo(name="LeNet", framework="onnx", target="lenet.onnx"), rows=table.rows)
    async with session(onnx) as ui:
        assert "this is an ONNX model already" in await ui.press("E")
