"""Where a finding is shown: its line, else the file that was checked."""

from pathlib import Path
from typing import NamedTuple

from inspector.core.errors import RequestError
from inspector.core.findings import Finding
from inspector.core.recipe import parse_target


class Located(NamedTuple):
    """A file, from the current folder where it lies below it, and a line in it."""

    file: str
    line: int | None


def location_of(finding: Finding, target: str) -> Located | None:
    """The guilty line, else the file of the target; None for a dotted module."""
    if finding.source is not None:
        return Located(_relative(finding.source.file), finding.source.line)
    try:
        parsed = parse_target(target)
    except RequestError:
        return None
    return None if parsed.kind == "python_module" else Located(_relative(parsed.location), None)


def _relative(file: str) -> str:
    path = Path(file).expanduser().absolute()
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
