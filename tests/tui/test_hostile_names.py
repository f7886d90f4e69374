"""Names and texts that a model may bring: none is read as markup, none breaks a line, none ends the application."""

import msgspec
import pytest
from fake_client import FakeClient, found, lenet
from screen_text import session

from inspector.core.results import KeyExplanation, KeyPart, SourceReport
from inspector.core.table import Source
from inspector.worker import protocol

pytestmark = pytest.mark.slow
NAMES = [
    "[/]",
    "[bold red]",
    "x[i] [link=http://a]b $primary '\"\\",
    "block 0 😀👩‍👩‍👧 模型 שלום\u202eabc",
    "new\nline\ttab \x1b[2J\x07",
    "\ud800",
    "n" * 300,
    "",
]
WHERE_A_PASS_FAILED = ["[/]", "[link=http://a]b", "new\nline\ttab \x1b[2J\x07", "\ud800", ""]


def with_name(name: str, failed: bool):
    """LeNet with its convolution and all of its texts called `name`."""
    table = lenet(failed=failed)
    source = msgspec.structs.replace(table.rows[1].source, file=name, text=name)
    change = msgspec.structs.replace
    rows = [
        change(row, name=name, path=name, type=name, hyperparameters=name, shared_with=[name], source=source)
        if row.path == "conv1"
        else row
        for row in table.rows
    ]
    rows[2] = change(rows[2], type=name, name=name, source=source)
    tensors = [
        change(one, key=one.key.replace("conv1", name), expression=name, tied_to=[name]) for one in table.tensors
    ]
    failure = table.failure and change(
        table.failure, path=name, type=name, message=name, source=source, explanation=name, suggestions=[name]
    )
    model = change(table.model, name=name, target=name, devices=[name])
    return change(table, rows=rows, tensors=tensors, failure=failure, model=model)


def source(name: str) -> Source:
    return Source(file=name, line=1, text=name)


@pytest.mark.parametrize(
    ("name", "failed"),
    [
        pytest.param(one, failed, id=f"{ascii(one)[:20]}-{'fails' if failed else 'runs'}")
        for failed, names in ((False, NAMES), (True, WHERE_A_PASS_FAILED))
        for one in names
    ],
)
async def test_every_panel_and_dialog_shows_any_name(name, failed):
    client = FakeClient(with_name(name, failed))
    part = KeyPart(text=name, kind=name, module_type=name, explanation=name)
    client.answers[protocol.Explain] = [KeyExplanation(key=name, expression=name, parts=[part])]
    client.answers[protocol.SourceOf] = SourceReport(path=name, file=name, first_line=1, text=f"{name}\n{name}")
    report = found()
    findings = [
        msgspec.structs.replace(one, path=name, message=name, evidence=name, name=name, source=source(name))
        for one in report.findings
    ]
    client.answers[protocol.Check] = msgspec.structs.replace(report, findings=findings)
    async with session(client=client, size=(160, 45)) as ui:
        await ui.press("home", "down")
        for key in "C12345678":
            await ui.press(key)
        for key in ("i", "e", "d", "t", "f"):
            await ui.press(key, "escape")
        ui.client.tell(protocol.Log(name))
        ui.client.tell(protocol.WorkerState("lost", name))
        await ui.press("1", "y", "L")
        assert ui.app.is_running
        screen = ui.text
        for line in screen.splitlines():
            assert line.isprintable()
        if name.startswith("["):
            assert screen.count(name) >= 3
