"""What is copied, by which way, and what is shown where there is none."""

import base64
import codecs
import json
import os
import stat

import pytest
from screen_text import session

from inspector.tui.clipboard import LONGEST_SEQUENCE, copied_by_program, programs, sequence

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("keys", "copied"),
    [
        (("y", "p"), "conv1"),
        (("y", "e"), "model.conv1.weight"),
        (("y", "k"), "conv1.weight"),
        (("y", "s"), "1×6×28×28"),
        (("y", "y"), "conv1"),
        (("2", "tab", "y", "y"), "model.conv1.weight"),
        (("2", "tab", "y", "s"), "6×3×5×5"),
    ],
)
async def test_a_letter_chooses_what_is_copied(keys, copied):
    async with session() as ui:
        await ui.press("down", *keys)
        await ui.until(lambda: f"OSC 52): {copied}" in ui.text, "it is said")
        assert ui.app.clipboard == copied
        assert not ui.app.screen.is_modal


async def test_a_row_is_copied_as_it_is_shown_or_as_json():
    async with session() as ui:
        await ui.press("down", "y", "r")
        assert ui.app.clipboard.split("  ")[:2] == ["conv1", "Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))"]
        await ui.press("y", "j")
        assert json.loads(ui.app.clipboard)["path"] == "conv1"


async def test_a_click_copies_a_line():
    async with session() as ui:
        await ui.press("down", "y")
        await ui.pilot.click("#copy-k")
        await ui.until(lambda: ui.app.clipboard == "conv1.weight", "it is copied")


@pytest.fixture
def folder_of_programs(tmp_path, monkeypatch):
    def write(name, status=0):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ncat > {tmp_path}/{name}.got\nexit {status}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return tmp_path / f"{name}.got"

    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return write


async def test_a_program_of_the_system_gets_the_text_and_is_named(folder_of_programs, monkeypatch):
    got = folder_of_programs("xclip")
    monkeypatch.setenv("DISPLAY", ":0")
    async with session() as ui:
        await ui.press("down", "y", "y")
        await ui.until(lambda: "copied by xclip: conv1" in ui.text, "it is said")
    assert got.read_text() == "conv1"


async def test_where_a_program_fails_the_next_way_is_taken(folder_of_programs, monkeypatch):
    folder_of_programs("xclip", status=1)
    got = folder_of_programs("tmux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("TMUX", "/tmp/tmux,1,0")
    async with session() as ui:
        await ui.press("down", "y", "y")
        await ui.until(lambda: "copied by tmux: conv1" in ui.text, "it is said")
    assert got.read_text() == "conv1"


async def test_a_terminal_that_takes_nothing_gets_the_text_shown(monkeypatch):
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    async with session() as ui:
        await ui.press("down", "y", "e")
        await ui.until(lambda: "No clipboard was found" in ui.text, "it is shown")
        assert "model.conv1.weight" in ui.text


def test_programs_need_their_display_and_a_person_who_sits_there(folder_of_programs):
    for name in ("pbcopy", "wl-copy", "xclip", "xsel", "clip.exe", "tmux"):
        folder_of_programs(name)
    bare = {"PATH": os.environ["PATH"]}

    def named(platform="linux", **environment):
        return [command[0] for command in programs({**bare, **environment}, platform)]

    assert named() == []
    assert named("darwin") == ["pbcopy"]
    assert named(DISPLAY=":0") == ["xclip", "xsel"]
    assert named(WAYLAND_DISPLAY="wayland-0", DISPLAY=":0") == ["wl-copy", "xclip", "xsel"]
    assert named(WSL_DISTRO_NAME="Debian") == ["clip.exe"]
    assert named("darwin", SSH_TTY="/dev/pts/0", TMUX="x") == ["tmux"]
    assert programs({"DISPLAY": ":0", "PATH": ""}) == []


def test_the_sequence_holds_the_text_and_goes_through_tmux():
    plain = sequence("é[/]", {})
    assert base64.b64decode(plain.removeprefix("\x1b]52;c;").removesuffix("\a")).decode() == "é[/]"
    assert sequence("a", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\"
    assert sequence("a" * LONGEST_SEQUENCE, {}) == ""


def test_screen_is_given_what_it_passes_on_at_once():
    assert sequence("a", {"STY": "x"}) == "\x1bP\x1b]52;c;YQ==\a\x1b\\"
    long = sequence("a" * 600, {"STY": "x"})
    pieces = long.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert "".join(pieces) == sequence("a" * 600, {})
    assert all(len(f"\x1bP{piece}\x1b\\") <= 256 for piece in pieces)


async def test_the_program_of_windows_is_told_that_it_reads_utf_16(folder_of_programs, monkeypatch):
    got = folder_of_programs("clip.exe")
    assert await copied_by_program("é模", {**os.environ, "WSL_DISTRO_NAME": "Debian"}) == "clip.exe"
    assert got.read_bytes().startswith(codecs.BOM_UTF16_LE)
    assert got.read_bytes().decode("utf-16") == "é模"


@pytest.mark.parametrize("keys", [("P",), ("W", "enter")])
async def test_nothing_is_said_to_be_copied_that_was_not(monkeypatch, keys):
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    async with session() as ui:
        await ui.press(*keys, "y")
        await ui.until(lambda: "No clipboard was found" in ui.text, "it is shown")
        assert "copied" not in await ui.press("escape")
