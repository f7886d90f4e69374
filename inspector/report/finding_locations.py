"""Where a finding is shown: its line, else the file that was checked."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inspector.core.errors import RequestError
from inspector.core.findings import Finding
from inspector.core.recipe import parse_target


class Located(NamedTuple):
    """A file, as `placed` has it, and a line in it."""

    file: str
    line: int | None


def location_of(finding: Finding, target: str) -> Located | None:
    """The guilty line, else the file of the target; None for a dotted module or a live object."""
    if finding.source is not None:
        return Located(placed(finding.source.file), finding.source.line)
    return file_of(target)


def file_of(target: str) -> Located | None:
    """The file of a target; None for a dotted module or a live object."""
    try:
        parsed = parse_target(target)
    except RequestError:
        return None
    return None if parsed.kind in ("python_module", "live") else Located(placed(parsed.location), None)


def placed(file: str) -> str:
    """A file from the root of the repository, as GitHub and code scanning want it, else as it lies."""
    path = Path(os.path.abspath(os.path.expanduser(file)))
    root = next((root for root in _roots(path) if path.is_relative_to(root)), None)
    return (path if root is None else path.relative_to(root)).as_posix()


def _roots(path: Path) -> Iterator[Path]:
    if workspace := os.environ.get("GITHUB_WORKSPACE"):
        yield Path(os.path.abspath(workspace))
    yield from (folder for folder in path.parents if os.path.exists(folder / ".git"))
    yield Path.cwd()
