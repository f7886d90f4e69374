"""A walk through everything that the interface shows: what to press at the convolution, and what to leave with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fake_client import FakeClient, recipe
from screen_text import Session

from inspector.tui.app import NNInspectApp
from inspector.tui.dressed_app import Appearance
from inspector.tui.screenshot import settle

SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)


@dataclass(frozen=True)
class Place:
    """Something on show, and the keys that lead to it from what is listed before it."""

    name: str
    keys: tuple[str, ...]
    leave: tuple[str, ...] = ()


BEGIN = ("home", "down", "f", "enter", "C")
"""A pass and a check, so that every panel has something to show."""
PANELS = (
    Place("overview", ("1",)),
    Place("parameters", ("2",)),
    Place("names", ("3",)),
    Place("values", ("4",)),
    Place("heat-map", ("V",)),
    Place("kernels", ("V",), ("V",)),
    Place("run", ("5",)),
    Place("source", ("6",)),
    Place("field", ("7",)),
    Place("chart", ("F",)),
    Place("check", ("8",)),
)
DIALOGS = (
    Place("initialise", ("1", "i"), ("escape",)),
    Place("element", ("e",), ("escape",)),
    Place("forward", ("f",), ("escape",)),
    Place("memory", ("B",), ("escape",)),
    Place("device", ("d",), ("escape",)),
    Place("input", ("t",), ("escape",)),
    Place("save", ("s",), ("escape",)),
    Place("export", ("E",), ("escape",)),
    Place("theme", ("ctrl+t",), ("escape",)),
    Place("palette", ("ctrl+p",), ("escape",)),
    Place("help", ("question_mark",), ("escape",)),
    Place("journal", ("J",), ("escape",)),
    Place("ablation", ("A", "enter"), ("escape",)),
    Place("repair", ("W", "enter"), ("escape",)),
    Place("comparison", ("D", *"b.pt", "enter"), ("escape",)),
    Place("search", ("slash", *"fc"), ("escape",)),
    Place("log", ("L",), ("L",)),
    Place("what-memory-takes", ("home", "B", "enter"), ("down",)),
    Place("step", ("S", "f11"), ()),
)


@asynccontextmanager
async def dressed(size, appearance=None, client=None) -> AsyncIterator[Session]:
    """The application in some appearance, settled."""
    client = client or FakeClient()
    app = NNInspectApp(client, recipe(), appearance=appearance or Appearance())
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot, seconds=20)
        yield Session(app, pilot, client)
