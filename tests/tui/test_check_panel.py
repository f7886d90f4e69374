"""The eighth panel: findings of any rule, a page about each, marks in the tree, and when all of it is old."""

import msgspec
import pytest
import torch
from fake_client import FakeClient, found, with_fixes
from screen_text import session

from inspector.core.errors import RequestCancelledError
from inspector.core.findings import CheckReport
from inspector.core.recipe import Recipe
from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle
from inspector.worker import protocol
from inspector.worker.file_client import FileClient

pytestmark = pytest.mark.slow


def tree(ui):
    """The tree's lines by the name at their beginning."""
    left, top, width, height = ui.app.module_tree.region
    lines = [line[left : left + width].strip("▾▸ ") for line in ui.text.splitlines()[top : top + height]]
    return {line.split()[0]: line for line in lines if line}


async def test_before_a_check_the_panel_says_how_to_make_one():
    async with session() as ui:
        assert "Nothing has been checked yet. Press C" in await ui.press("8")
        assert not ui.client.asked_for(protocol.Check)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)])
async def test_findings_are_listed_and_marked_in_the_tree(size):
    async with session(size=size) as ui:
        text = await ui.press("C")
        assert ui.app.side.current == "check"
        assert "1 error, 1 warning, 1 of information; 4 tensors looked at with 3 rules" in " ".join(text.split())
        for fact in ("error", "NN991", "fc.weight", "evidence", "3 of 4 units"):
            assert fact in text
        marks = tree(ui)
        assert "error 1" in marks["fc"]
        assert "warning 1" in marks["conv1"]
        assert "error 1" in marks["LeNet"]
        assert "error" not in marks["relu"]


async def test_a_page_tells_what_the_rule_looks_for_and_when_it_is_wrong():
    async with session(size=(160, 45)) as ui:
        await ui.press("C", "tab")
        for fact in (
            "fc.weight is hungry",
            "feed it more",
            "when it is on a diet",
            "Layers that are hungry.",
            "More than 3 of 4.",
            "A paper on layers.",
        ):
            assert fact in ui.text
        text = await ui.press("end")
        assert "it needs a pass, and there is none" in text
        assert "Layers that are absent." in text


async def test_moving_among_the_findings_moves_in_the_tree_and_enter_goes_there():
    async with session() as ui:
        await ui.press("C", "tab", "down")
        assert ui.app.row.path == "conv1"
        await ui.press("up")
        assert ui.app.row.path == "fc"
        assert ui.app.looked_at.key == "fc.weight"
        await ui.press("enter")
        assert ui.app.focused is ui.app.module_tree
        assert ui.app.side.current == "check"
        await ui.press("4")
        assert ui.client.asked_for(protocol.Values)[-1].key == "fc.weight"


async def test_after_a_change_the_findings_are_called_old_and_no_longer_marked():
    async with session() as ui:
        await ui.press("C")
        assert "before the last change" not in ui.text
        await ui.press("m")
        assert "from before the last change; C checks again" in ui.text
        assert "error 1" not in tree(ui)["fc"]
        await ui.press("C")
        assert "before the last change" not in ui.text
        assert "error 1" in tree(ui)["fc"]


async def test_opened_anew_nothing_has_been_checked():
    async with session() as ui:
        await ui.press("C", "R")
        assert "Nothing has been checked yet" in ui.text
        assert "error 1" not in tree(ui)["fc"]


async def test_that_nothing_was_found_is_said_with_what_was_looked_at():
    client = FakeClient()
    client.answers[protocol.Check] = CheckReport(findings=[], rules=found().rules, tensors=4)
    async with session(client=client) as ui:
        text = await ui.press("C", "tab")
        assert "nothing found; 4 tensors looked at with 3 rules" in text
        assert "Layers that are sleepy." in text
        assert ui.app.focused.id == "finding"


async def test_a_check_can_be_cancelled():
    client = FakeClient()
    async with session(client=client) as ui:
        client.gate.clear()
        client.answers[protocol.Check] = RequestCancelledError("cancelled")
        await ui.pilot.press("C")
        await ui.until(lambda: "looking for defects" in ui.text, "the check is under way")
        client.tell(protocol.Progress(1, 3, 7, "reading fc.weight"))
        await ui.until(lambda: "3/7" in ui.text, "progress is shown")
        await ui.pilot.press("escape")
        await ui.until(lambda: client.cancelled == 1, "the client is told")
        client.gate.set()
        await ui.until(lambda: "cancelled: looking for defects" in ui.text, "it is said")


async def test_names_in_findings_are_drawn_as_they_are():
    name = "[/]\x1b[2J[bold red]\n$primary"
    report = found()
    findings = [
        msgspec.structs.replace(one, path=name, message=name, evidence=name, fix=name, may_be_wrong=name, name=name)
        for one in report.findings
    ]
    client = FakeClient()
    client.answers[protocol.Check] = msgspec.structs.replace(
        report, findings=findings, not_run=[msgspec.structs.replace(report.not_run[0], why=name)]
    )
    async with session(client=client, size=(160, 45)) as ui:
        text = await ui.press("C", "tab", "down", "end")
        assert text.count("[/]\\x1b[2J[bold red]") >= 4
        assert ui.app.row.path == ""


async def test_a_real_file_is_checked_without_a_worker(tmp_path):
    weight = torch.randn(8, 8)
    weight[1, 2] = float("nan")
    torch.save({"model": {"[b].weight": weight, "c.weight": torch.randn(8, 8)}}, tmp_path / "w.pt")
    app = NNInspectApp(FileClient(), Recipe(target=str(tmp_path / "w.pt")))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot, seconds=20)
        for key in ("C", "tab", "enter"):
            await pilot.press(key)
            await settle(app, pilot, seconds=20)
        assert app.row.path == "model.[b]"
        assert app.looked_at.key == "model.[b].weight"
        assert [(one.rule, one.severity, one.path) for one in app.check.findings] == [
            ("NN402", "error", "model.[b].weight")
        ]


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_what_a_comment_keeps_quiet_is_listed_counted_and_not_marked(size):
    client = FakeClient()
    client.answers[protocol.Check] = with_fixes(found())
    async with session(client=client, size=size) as ui:
        await ui.press("C")
        assert "1 error, 1 warning, 1 suppressed" in " ".join(ui.text.split())
        assert "info" not in tree(ui)["LeNet"]
        text = await ui.press("tab", "down", "down")
        assert "ignored, as a comment at net.py:3 says" in text


async def test_a_change_is_shown_made_and_checked_again():
    client = FakeClient()
    reports = [with_fixes(found()), msgspec.structs.replace(found(), findings=[])]
    client.answers[protocol.Check] = lambda _: reports.pop(0)
    async with session(client=client) as ui:
        await ui.press("C", "tab")
        assert "shows a change that mends it" in ui.text
        text = await ui.press("a")
        assert "initialise fc.weight: layer_default" in text
        assert "conv1.weight" in text  # the preview of the fake client
        assert not ui.client.journal.done
        text = await ui.press("enter")
        assert [edit.where for edit in ui.client.journal.done] == ["fc.weight"]
        assert len(ui.client.asked_for(protocol.Check)) == 2
        assert "NN991 is mended" in text
        assert "nothing found" in await ui.press("8")
        await ui.press("u")
        assert not ui.client.journal.done


async def test_a_change_that_did_not_help_is_said():
    client = FakeClient()
    client.answers[protocol.Check] = with_fixes(found())
    async with session(client=client) as ui:
        assert "NN991 is still found" in await ui.press("C", "tab", "a", "enter")


async def test_a_patch_is_shown_copied_and_saved_and_changes_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("x = [bold]\n")
    client = FakeClient()
    client.answers[protocol.Check] = with_fixes(found())
    async with session(client=client) as ui:
        text = await ui.press("C", "tab", "down", "a")
        assert "+x = [/]" in text
        await ui.press("enter", "y")
        assert ui.app.clipboard.startswith("--- net.py\n")
        assert "wrote NN990-net.patch" in await ui.press("s")
        assert "NN990-net.patch exists" in await ui.press("escape", "a", "s")
        assert not ui.client.journal.done
    assert (tmp_path / "net.py").read_text() == "x = [bold]\n"
    assert (tmp_path / "NN990-net.patch").read_text() == with_fixes(found()).findings[1].patch


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["a"], "nothing has been checked yet"),
        (["C", "a"], "no single change mends this NN991"),
        (["C", "tab", "end", "a"], "choose a finding"),
    ],
)
async def test_without_a_fix_it_is_said_why(keys, says):
    async with session() as ui:
        assert says in await ui.press(*keys)


async def test_the_projects_choice_of_rules_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.nninspect]\nselect = ["NN4"]\nignore = ["nn404"]\n')
    async with session() as ui:
        await ui.press("C")
        (asked,) = ui.client.asked_for(protocol.Check)
        assert (asked.settings.select, asked.settings.ignore) == (["NN4"], ["NN404"])
        (tmp_path / "pyproject.toml").write_text('[tool.nninspect]\nselect = ["XX"]\n')
        assert "there is no such rule" in await ui.press("C")
