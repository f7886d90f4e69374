"""The pytest plugin: the fixture `model_snapshot` and ``--nninspect-update``.

Snapshots lie beside the test file, in ``__nninspect__/NAME_OF_THE_FILE/NAME_OF_THE_TEST.txt``. As with syrupy a missing
one fails unless it is being updated, also on a developer's machine, and an update deletes those that no test uses any
more. Nothing is imported until a test asks for the fixture.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

FOLDER = "__nninspect__"
SUFFIX = ".txt"
LONGEST_NAME = 100
ModelSnapshot: TypeAlias = Callable[..., None]
_KEY = pytest.StashKey["SnapshotRun"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option with which snapshots are written."""
    parser.getgroup("nninspect").addoption(
        "--nninspect-update",
        action="store_true",
        help="Write the snapshots of models instead of comparing with them, and delete those that no test uses.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep account of the snapshots of this run."""
    config.stash[_KEY] = run = SnapshotRun(config)
    config.pluginmanager.register(run, "nninspect-snapshots")


@pytest.fixture
def model_snapshot(request: pytest.FixtureRequest) -> ModelSnapshot:
    """``model_snapshot(model, *inputs, name="", **opening)`` fails with a difference where the model has changed.

    Architecture, shapes, names, dtypes and receptive fields count, values do not. `name` tells several snapshots of one
    test apart, which are else numbered. The other arguments are those of `inspector.summary`.
    """
    run, taken = request.config.stash[_KEY], 0
    mine: set[Path] = set()

    def compare(model: Any, *inputs: Any, name: str = "", **opening: Any) -> None:
        __tracebackhide__ = True
        from inspector.testing import assert_snapshot

        nonlocal taken
        taken += 1
        mark = name or (str(taken) if taken > 1 else "")
        file = run.file_of(request.node, mark)
        if file in mine:
            raise AssertionError(f"this test has two snapshots by the name {mark!r}; give each its own name=")
        mine.add(file)
        run.use(file, request.node)
        if assert_snapshot(model, file, *inputs, update=run.updates, **opening):
            run.written.add(str(file))

    return compare


class SnapshotRun:
    """Which snapshots a run used and wrote, over all of its processes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.updates: bool = config.getoption("--nninspect-update")
        self.used: set[str] = set()
        self.written: set[str] = set()
        self._users: dict[str, str] = {}
        """The test that a snapshot is of, by its path as file systems see it that do not tell capitals apart."""
        self._owners: dict[str, str] = {}
        """Of every test that was collected, the beginning of its snapshots' paths by its id."""
        self._partial: set[str] = set()
        """Folders of test files of which tests were left out."""
        self._passed: set[str] = set()
        self._all_told = True
        """Whether every worker of pytest-xdist told what it used; one that crashed did not."""

    def file_of(self, node: pytest.Item, mark: str) -> Path:
        """Where a snapshot of a test lies."""
        own = self._own_path(node)
        return own.with_name(f"{own.name}{f'@{_as_file_name(mark)}' if mark else ''}{SUFFIX}")

    def use(self, file: Path, node: pytest.Item) -> None:
        """Take note that a snapshot is of a test.

        Raises AssertionError where it is another test's too on macOS and Windows.
        """
        __tracebackhide__ = True
        other = self._users.setdefault(str(file).casefold(), node.nodeid)
        if other != node.nodeid:
            raise AssertionError(
                f"the snapshot of this test and that of {other} are one file where capitals are not told apart, on "
                "macOS and Windows; give one a name="
            )
        self.used.add(str(file))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of the tests there are."""
        self._owners |= {item.nodeid: str(self._own_path(item)) for item in session.items}
        if any("::" in argument for argument in session.config.args):
            self._partial |= {str(self._own_path(item).parent) for item in session.items}

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """A snapshot may belong to a test that is left out."""
        self._partial |= {str(self._own_path(item).parent) for item in items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails may not have come to its snapshots."""
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker of pytest-xdist tells the process that started it."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["nninspect"] = [sorted(self.used), sorted(self.written), self._owners, sorted(self._partial)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what such a worker tells."""
        told = getattr(node, "workeroutput", {}).get("nninspect")
        if told is None:
            self._all_told = False
            return
        used, written, owners, partial = told
        self.used |= set(used)
        self.written |= set(written)
        self._owners |= owners
        self._partial |= set(partial)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was written, and which snapshots no test uses any more."""
        unused = self._unused()
        if self.updates:
            for file in unused:
                file.unlink()
        told = [f"{len(self.written)} written"] if self.written else []
        told += [f"{len(unused)} unused {'deleted' if self.updates else 'found'}"] if unused else []
        if told:
            terminalreporter.write_line(f"nninspect snapshots: {', '.join(told)}")
        for file in unused:
            advice = "" if self.updates else ": delete it, or run with --nninspect-update"
            terminalreporter.write_line(f"  {_shown(file, self._config)}{advice}")

    def _unused(self) -> list[Path]:
        """What belongs to no test, or to one that passed without it, of test files that were run as a whole."""
        if self._config.option.collectonly or not self._all_told:
            return []
        passed = {self._owners[id]: id in self._passed for id in self._owners}
        folders = {Path(owner).parent for owner in self._owners.values()}
        files = [file for folder in folders if str(folder) not in self._partial for file in folder.glob(f"*{SUFFIX}")]
        return sorted(file for file in files if str(file) not in self.used and passed.get(_owner_of(file), True))

    def _own_path(self, node: pytest.Item) -> Path:
        """The beginning of the paths of a test's snapshots."""
        classes = [one.name for one in node.listchain() if isinstance(one, pytest.Class)]
        name = _as_file_name(".".join([*classes, node.name]))
        return node.path.parent / FOLDER / node.path.stem / name


def _owner_of(file: Path) -> str:
    return str(file.with_name(file.name.removesuffix(SUFFIX).partition("@")[0]))


def _as_file_name(name: str) -> str:
    """A name that every file system takes; where it had to be changed, still one of its own."""
    plain = re.sub(r"[^\w.,=+\[\]-]", "_", name)[:LONGEST_NAME]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _shown(file: Path, config: pytest.Config) -> str:
    return str(file.relative_to(config.rootpath)) if file.is_relative_to(config.rootpath) else str(file)
