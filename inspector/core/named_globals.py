"""What a pickle names, as it is shown: a description, on which nothing depends."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["dangerous", "unknown", "harmless"]
"""What calling it could do: anything; what only the program that saved the file tells; nothing but making a value."""


class NamedGlobal(msgspec.Struct, frozen=True, kw_only=True):
    """A class or function that a pickle names, and what a reader that runs pickles would do with it."""

    name: str
    """Dotted, as the file has it: ``posix.system``."""
    allowed: bool
    """Whether torch's ``weights_only`` reader takes it; in a ``.metadata``, whether torch itself writes it there."""
    severity: Severity
    kind: str
    """In a word or two: "container", "shell", "class of the program"."""
    what: str
    """What it is or does, a clause."""
    called: int
    """How often the pickle would have it called or given attributes; 0 where it is only named."""
    calls: list[str] = []
    """The first of those calls where it is not allowed, as text of bounded length: ``posix.system('touch x')``."""


def refused_first(found: Iterable[NamedGlobal]) -> list[NamedGlobal]:
    """Those that a safe reader refuses, what could do most first."""
    order = ("dangerous", "unknown", "harmless")
    return sorted((one for one in found if not one.allowed), key=lambda one: order.index(one.severity))


def sentence(found: NamedGlobal) -> str:
    """What it is, and what the pickle would do with it: "runs a shell command: posix.system('touch x')"."""
    if found.severity == "harmless":
        return found.what
    if not found.called:
        return f"{found.what}; only named, not called"
    more = f" and {found.called - len(found.calls):,} more calls" if found.called > len(found.calls) else ""
    return f"{found.what}: {', '.join(found.calls)}{more}"
