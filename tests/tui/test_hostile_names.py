"""Names and texts that a model may bring: none is read as markup, none breaks a line, none ends the application."""

import msgspec
import pytest
from fake_client import FakeClient, found, lenet
from screen_text import session

from inspector.core.results import KeyExplanation, KeyPart, SourceReport
from inspector.core.table import ModelTable, Source
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
        # Together, since a picture is drawn after each call: what would end the application does so in between too.
        await ui.press("home", "down", *"C12345678")
        await ui.press(*(key for dialog in "iedtf" for key in (dialog, "escape")))
        ui.client.tell(protocol.Log(name))
        ui.client.tell(protocol.WorkerState("lost", name))
        readable(await ui.press("1", "full_stop", "escape", "y", "j", "L"), name)


def readable(screen: str, name: str) -> None:
    """Nothing breaks the lines, and what looks like markup is there as it is."""
    for line in screen.splitlines():
        assert line.isprintable()
    if name.startswith("["):
        assert screen.count(name) >= 3


def with_names() -> ModelTable:
    """A row for each of the names, and a tensor in each."""
    table = lenet()
    change = msgspec.structs.replace
    rows = [
        change(table.rows[1], index=index, name=name, path=name, type=name, hyperparameters=name)
        for index, name in enumerate(NAMES, 1)
    ]
    tensors = [change(table.tensors[0], key=f"{name}.weight", expression=name) for name in NAMES]
    return change(table, rows=[change(table.rows[0], subtree=len(rows) + 1), *rows], tensors=tensors)


async def test_names_are_filtered_sorted_sought_and_gone_to_as_they_are():
    async with session(with_names(), size=(160, 45)) as ui:
        tree = ui.app.module_tree
        for keys in (("ampersand", *"name:["), ("escape", *">>>"), ("2", "tab", ">", ">"), ("tab", "slash", *"[/]")):
            named = [{">": "greater_than_sign"}.get(key, key) for key in keys]
            readable(await ui.press(*named), "")
        await ui.press("escape", "ampersand", *"name:[", "enter")
        found = [name for name in NAMES if "[" in name]
        assert [tree.table.rows[line].path for line in tree.lines()][1:] == found
        for name in found[:2]:
            assert name in ui.text
        await ui.press("escape")
        for key, typed in (("colon", "[bold"), ("ctrl+g", "[br]"), ("ctrl+g", "n" * 300)):
            await ui.press(key, *typed[:40])
            readable(ui.text, "")
            await ui.press("enter")
            assert ui.app.row.path == (NAMES[6] if typed[0] == "n" else "[bold red]")


async def test_what_is_wrong_with_a_filter_is_said_as_it_was_typed():
    async with session(with_names(), size=(160, 45)) as ui:
        assert "'[/bold]' is nothing to filter by" in await ui.press("ampersand", *"[/bold]")
        assert ui.app.is_running
