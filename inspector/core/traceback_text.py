"""A Python traceback as text, its frames told apart: those of the user's own files, and all others."""

import re
from collections.abc import Iterable, Iterator

from inspector.core.record import Record

_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_NOT_OWN = re.compile(
    r"site-packages|dist-packages|/lib/python3[^/]*/|^<|[/\\]inspector[/\\](?:engine|worker|checks|files|core|tui|api|cli|report)[/\\]"
)


class Frame(Record, frozen=True, kw_only=True):
    """One call of a traceback."""

    file: str
    line: int
    function: str = ""
    code: list[str] = []
    """The lines that Python shows below it."""

    @property
    def is_own(self) -> bool:
        """Whether the file is the user's: no library's, none of Python's or ours."""
        return not _NOT_OWN.search(self.file)


def parts_of(text: str) -> Iterator[Frame | str]:
    """The frames of a traceback in order, and between them every other line as it is."""
    frame: Frame | None = None
    for line in text.splitlines():
        found = _FRAME.match(line)
        if frame is not None and not found and line.startswith("    "):
            frame.code.append(line.strip("\n"))
            continue
        if frame is not None:
            yield frame
            frame = None
        if found:
            frame = Frame(file=found["file"], line=int(found["line"]), function=found["function"] or "", code=[])
        else:
            yield line
    if frame is not None:
        yield frame


def own_frame(text: str) -> Frame | None:
    """The innermost frame in the user's own files."""
    own = [part for part in parts_of(text) if isinstance(part, Frame) and part.is_own]
    return own[-1] if own else None


def folded(parts: Iterable[Frame | str]) -> Iterator[Frame | str | int]:
    """The same, with the number of frames in the place of those that follow each other and are not the user's."""
    others = 0
    for part in parts:
        if isinstance(part, Frame) and not part.is_own:
            others += 1
            continue
        if others:
            yield others
            others = 0
        yield part
    if others:
        yield others
