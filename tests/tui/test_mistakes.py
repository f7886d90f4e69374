"""What goes wrong in the model's code is shown with its traceback; what goes wrong in ours ends nothing."""

import pytest
from fake_client import FakeClient
from screen_text import session

from inspector.core.errors import RequestError
from inspector.files.user_folders import log_folder
from inspector.tui import doing
from inspector.tui.source_editor import editor_command
from inspector.worker import protocol

pytestmark = pytest.mark.slow

TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1, in _call_impl
    return forward_call(*args)
  File "/home/me/[bold red]net.py", line 12, in forward
    return self.head(x)[/]
           ^^^^^^^^^^^^
ValueError: no [/] 日本 here
"""


def refusing():
    client = FakeClient()
    refusal = RequestError("the model's __init__ raises ValueError: no [/] 日本 here")
    refusal.add_note(TRACEBACK)
    client.answers[protocol.Memory] = refusal
    return client


async def test_a_traceback_shows_the_users_own_frames_and_the_others_when_asked():
    async with session(client=refusing()) as ui:
        text = await ui.press("B", "enter")
        assert "/home/me/[bold red]net.py:12  forward" in text
        assert "return self.head(x)[/]" in text
        assert "no [/] 日本 here" in text
        assert "1 frame not of your own files" in text
        assert "_call_impl" not in text
        assert "module.py:1  _call_impl" in await ui.press("t")
        await ui.press("y")
        assert TRACEBACK in ui.app.clipboard
        await ui.press("escape")
        assert not ui.app.screen.is_modal


@pytest.mark.parametrize(
    ("editor", "is_there", "said"),
    [
        ("", False, "net.py is not on this machine"),
        ("", True, "set $EDITOR to open"),
        ("vim '", True, "$EDITOR does not read as a command, no closing quotation"),
        ("vim", True, "cannot be lent to vim"),
    ],
)
async def test_why_the_source_cannot_be_opened_is_said(monkeypatch, tmp_path, editor, is_there, said):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    (tmp_path / "[bold red]net.py").write_text("\n" if is_there else "")
    client = refusing()
    if is_there:
        client.answers[protocol.Memory].__notes__ = [TRACEBACK.replace("/home/me", str(tmp_path))]
    async with session(client=client, size=(200, 45)) as ui:
        await ui.press("B", "enter")
        assert said in " ".join((await ui.press("e")).split())


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, []),
        ({"EDITOR": "vim"}, ["vim", "+7", "net.py"]),
        ({"EDITOR": "vim", "VISUAL": "code --wait"}, ["code", "--wait", "--goto", "net.py:7"]),
        ({"EDITOR": "hx"}, ["hx", "net.py:7"]),
    ],
)
def test_each_editor_is_told_the_line_its_own_way(environment, command):
    assert editor_command("net.py", 7, environment) == command


async def test_a_mistake_of_ours_is_said_logged_and_survived(monkeypatch):
    def broken(app):
        raise KeyError("[bold red]oops[/]")

    monkeypatch.setattr(doing, "current_inputs", broken)
    async with session(mistakes=True) as ui:
        text = await ui.press("f")
        assert "This is a mistake of nninspect" in text
        assert "[bold red]oops[/]" in text
        assert ui.app.screen.sentence.endswith("The model and your changes are as they were.")
        assert "current_inputs" in (log_folder() / "nninspect.log").read_text()
        await ui.press("escape", "down")
        assert ui.app.row.path == "conv1"


async def test_a_mistake_while_a_panel_is_drawn_is_survived(monkeypatch):
    def broken(view):
        raise ZeroDivisionError("in a panel")

    async with session(mistakes=True) as ui:
        monkeypatch.setattr(ui.app.side, "look_at", broken)
        assert "ZeroDivisionError: in a panel" in await ui.press("down")
        await ui.press("escape")
        monkeypatch.undo()
        assert "conv1" in await ui.press("up", "down")
