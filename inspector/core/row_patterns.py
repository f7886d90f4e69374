"""Patterns for the rows of a running pass: ``layer1.*``, ``type:Conv2d``, ``encoder type:F.relu #2``."""

import difflib
import re
from functools import cache

from inspector.core.errors import RequestError
from inspector.core.record import Record

EXAMPLES = "layer1.*, type:Conv2d, encoder type:F.relu, layer1.0 #2, module: (the model itself)"


class RowPattern(Record, frozen=True, kw_only=True):
    """Which rows are meant; None stands for all."""

    path: str | None = None
    """A module's, with ``*`` and ``?``; without a type only the module's own rows are meant, not its functions'."""
    type: str | None = None
    """Of a module or a function, with ``*`` and ``?``; ``relu`` also finds ``F.relu``."""
    call: int | None = None
    """Which of the row's calls, from 1."""

    def matches(self, paths: list[str], type_: str, is_function: bool, call: int) -> bool:
        """Whether a row is meant that is known under these paths; its calls count from 0."""
        if self.call is not None and self.call != call + 1:
            return False
        if self.path is not None and not any(glob(self.path).fullmatch(path) for path in paths):
            return False
        if self.type is None:
            return self.path is None or not is_function
        pattern = glob(self.type)
        return any(pattern.fullmatch(name) for name in (type_, type_.rpartition(".")[2]))

    def is_known(self, paths: list[str]) -> bool:
        """Whether its path, where it has one, is that of any module."""
        return self.path is None or any(glob(self.path).fullmatch(path) for path in paths)


def parse_row_pattern(text: str) -> RowPattern:
    """Read ``PATH``, ``type:NAME`` and ``#CALL``, each of which may be missing.

    Raises RequestError where a part does not read.
    """
    rest, call = text.strip(), None
    if numbered := re.search(r"#(\S*)$", rest):
        if not re.fullmatch(r"[1-9]\d*", numbered[1]):
            raise RequestError(f"row {text.strip()!r}: calls count from 1, as in conv1 #2; {numbered[0]!r} is none")
        rest, call = rest[: numbered.start()].rstrip(), int(numbered[1])
    type_ = None
    if typed := re.search(r"(^|\s)type:(.*)$", rest):
        rest, type_ = rest[: typed.start()].rstrip(), typed[2].strip()
        if not type_:
            raise RequestError(f"row {text.strip()!r}: after type: stands a module's or function's type: type:Conv2d")
    path = rest.removeprefix("module:") if rest else None
    return RowPattern(path=path, type=type_, call=call)


def refuse_unknown(pattern: RowPattern, paths: list[str]) -> None:
    """Raise RequestError, with what comes close, where no module has the pattern's path."""
    if pattern.is_known(paths):
        return
    close = difflib.get_close_matches(pattern.path or "", paths, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"rows are written like {EXAMPLES}"
    raise RequestError(f"{pattern.path!r} is no module of this model; {hint}")


@cache
def glob(pattern: str) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?`` as a regular expression for all of a text."""
    # Unlike in fnmatch, brackets stand for themselves: they occur in names.
    parts = [{"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern]
    return re.compile("".join(parts), re.DOTALL)
