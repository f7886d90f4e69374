"""What all tests share: a still screen, the zoo and the sample models."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Before any test imports textual, which reads these once: snapshots are of a fixed terminal, whoever runs them.
os.environ.update(TEXTUAL_ANIMATIONS="none", TEXTUAL_FPS="250", COLUMNS="80", LINES="24", TZ="UTC")
if "PYTEST_XDIST_WORKER" in os.environ:
    # A process for each core: threads in each of them would only wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
for _name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "FORCE_COLOR"):
    os.environ.pop(_name, None)

TESTS = Path(__file__).resolve().parent
collect_ignore = ["plugin_project"]
"""Projects of their own, which tests run with a pytest of their own."""
SAMPLE_MODELS = TESTS.parent / "sample_models"
sys.path.insert(0, str(TESTS / "zoo"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: tests of the interface wait for its screen half of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No blinking cursor, and no settings of the person who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("NNINSPECT_CONFIG", str(tmp_path / "nninspect.toml"))
    monkeypatch.setenv("NNINSPECT_STATE", str(tmp_path / "nninspect-state"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "SSH_TTY", "SSH_CONNECTION", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    if "textual.widgets" in sys.modules:
        monkeypatch.setattr("textual.widgets.Input._toggle_cursor", lambda _self: None)
        # Textual calls a process idle that does nothing for 20 ms, longer than a frame of 60 a second; here of 250.
        monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 1 / 125)
        monkeypatch.setattr("textual._wait.SLEEP_IDLE", 1 / 2500)


@pytest.fixture
def zoo() -> dict[str, Any]:
    """The awkward networks by name; see `tests/zoo`."""
    from zoo import ZOO

    return ZOO


@pytest.fixture
def sample() -> Callable[[str], Path]:
    """The path of a file in `sample_models`: ``sample("lenet.py")``."""

    def find(name: str) -> Path:
        path = SAMPLE_MODELS / name
        assert path.exists(), f"no such sample model: {path}"
        return path

    return find
