"""`explore` in a real terminal: a program that opens the interface on its own object and goes on afterwards."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from distributions import ROOT
from torch import nn

from inspector.core.recipe import Recipe, live_target
from inspector.tui.app import NNInspectApp
from inspector.tui.screenshot import settle
from inspector.worker.live_client import LiveClient

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, signal, sys
import torch
from torch import nn
import inspector

class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.bn = nn.BatchNorm1d(2)
    def forward(self, batch):
        print("printed by forward")
        if "--asking" in sys.argv:
            input("your name? ")
        return self.bn(self.fc(batch["x"]))

def handler(*_):
    print("TERMINATED")
    sys.exit(7)

signal.signal(signal.SIGTERM, handler)
model = Counting().train()
before = model.fc.weight.clone()

async def main():
    inspector.explore(model, {"x": torch.ones(3, 4)})
    await asyncio.sleep(0)
    print("LOOP GOES ON")

if "--loop" in sys.argv:
    asyncio.run(main())
else:
    inspector.explore(model, {"x": torch.ones(3, 4)})
print("LEFT", model.training, int(model.bn.num_batches_tracked), bool(model.fc.weight.any()),
      torch.equal(before, model.fc.weight), signal.getsignal(signal.SIGTERM) is handler)
"""


class Terminal:
    """A program in a terminal of 100×30."""

    def __init__(self, folder, *arguments):
        (folder / "program.py").write_text(PROGRAM)
        self._own, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            [sys.executable, "program.py", *arguments],
            cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text, seconds=120):
        """Read until a text was shown since the last key."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} is not in {self.shown[-2000:]!r}"
            if select.select([self._own], [], [], 0.5)[0]:
                try:
                    self.shown += os.read(self._own, 1 << 16).decode(errors="replace")
                except OSError:  # the program has ended
                    assert text in self.shown, self.shown[-2000:]

    def press(self, key):
        self.shown = ""
        os.write(self._own, key.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._own)


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def open_(*arguments):
        opened.append(Terminal(tmp_path, *arguments))
        return opened[0]

    yield open_
    for one in opened:
        one.close()


def test_a_model_that_asks_for_input_does_not_take_the_keys(terminal):
    screen = terminal("--asking")
    screen.wait_for("EOFError")
    screen.press("q")
    screen.wait_for("LEFT True 0 True True True")


@pytest.mark.parametrize("arguments", [[], ["--loop"]], ids=["script", "running loop"])
def test_a_program_looks_at_its_own_object_and_goes_on(terminal, arguments):
    screen = terminal(*arguments)
    screen.wait_for("BatchNorm1d")
    screen.press("q")
    screen.wait_for("LEFT True 0 True True True")
    assert ("LOOP GOES ON" in screen.shown) == bool(arguments)
    assert "printed by forward" not in screen.shown
    assert screen.process.wait(30) == 0


def test_the_keys_are_those_of_the_settings_file(terminal):
    Path(os.environ["NNINSPECT_CONFIG"]).write_text('[keys]\nquit = "ctrl+x"\n')
    screen = terminal()
    screen.wait_for("BatchNorm1d")
    screen.press("\x18")
    screen.wait_for("LEFT True 0 True True True")


def test_a_signal_that_ends_the_interface_is_the_programs(terminal):
    screen = terminal()
    screen.wait_for("BatchNorm1d")
    screen.shown = ""
    screen.process.terminate()
    screen.wait_for("TERMINATED")
    assert screen.process.wait(30) == 7


async def test_what_a_live_objects_code_prints_is_kept_in_the_log_and_what_needs_a_file_is_refused():
    class Talking(nn.Module):
        def forward(self, x):
            print("one line\nand [bold]another[/]")
            return x

    client = LiveClient(Talking())
    recipe = Recipe(target=live_target("Talking"), inputs=[client.hold(torch.ones(2))])
    app = NNInspectApp(client, recipe)
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(app, pilot)
            assert app.table.outputs[0].shape == [2]
            for key in ("ctrl+s", "P"):
                await pilot.press(key)
                await settle(app, pilot)
                assert not app.screen.is_modal
            assert [text for text, _ in app.log_view._kept if "line" in text or "another" in text] == [
                "one line",
                "and [bold]another[/]",
            ]
    finally:
        await client.close()
