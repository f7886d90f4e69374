"""What a person has chosen once for every model: the settings of the configuration file, and what they may be."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from inspector.core.errors import RequestError
from inspector.core.recipe import LARGEST_SEED, SMALLEST_SEED
from inspector.core.record import Record
from inspector.core.wording import shortened

Spelling = Literal["here", "plain", "saved"]
"""Keys as they are in this model, without wrappers, or as saved from DataParallel."""


class Settings(Record, frozen=True, kw_only=True):
    """All settings, each with what holds where the file says nothing."""

    theme: str | None = None
    """None for the one that was chosen last, else Textual's own."""
    ascii: bool = False
    worker: str | None = None
    """The command that starts the worker; None starts it here."""
    seed: int = 0
    device: str | None = None
    functions: bool = True
    """Whether the tree shows the functions called between modules."""
    sparklines: bool | None = None
    """Whether the tree draws distributions; None where there is room."""
    spelling: Spelling = "here"
    hints: bool = True
    remember: bool = True
    keys: dict[str, str] = {}
    """Keys by the ids of actions, several separated by commas."""


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and SMALLEST_SEED <= value <= LARGEST_SEED


_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "theme": (_is_text, 'the name of a theme, for example "nord"'),
    "ascii": (_is_flag, "true or false"),
    "worker": (_is_text, 'a command, for example "ssh box python -m inspector.worker"'),
    "seed": (_is_seed, f"a whole number from {SMALLEST_SEED} to {LARGEST_SEED}"),
    "device": (_is_text, 'the name of a device, for example "cuda:0"'),
    "functions": (_is_flag, "true or false"),
    "sparklines": (_is_flag, "true or false"),
    "spelling": (lambda value: value in get_args(Spelling), f"one of {', '.join(get_args(Spelling))}, in quotes"),
    "hints": (_is_flag, "true or false"),
    "remember": (_is_flag, "true or false"),
    "keys": (lambda value: isinstance(value, dict), 'a table: under [keys], lines such as forward = "f,ctrl+f"'),
}
"""Of each setting what a value has to be, and that in words."""


def settings_from(document: Mapping[str, Any], text: str, file: str) -> Settings:
    """The settings of a configuration file that was read as TOML; `text` is what the document was read from.

    Raises RequestError with the file, the line, and what would do, for a name that is no setting or a wrong value.
    """
    for name, value in document.items():
        where = place(file, text, name)
        if name not in _WANTED:
            close = difflib.get_close_matches(name, _WANTED, n=1)
            known = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(_WANTED)}"
            raise RequestError(f"{where}: there is no setting {name!r}; {known}")
        is_wanted, wanted = _WANTED[name]
        if not is_wanted(value):
            raise RequestError(f"{where}: {name} is {shortened(repr(value))}; it must be {wanted}")
    for action, keys in document.get("keys", {}).items():
        if not _is_text(keys):
            where = place(file, text, action)
            raise RequestError(f'{where}: the key of {action} is {shortened(repr(keys))}; write it so: {action} = "f"')
    return Settings(**document)


def place(file: str, text: str, name: str) -> str:
    """A file with the line on which a setting, a table or a key in one begins; the file alone where none is found."""
    quoted = re.escape(name)
    begins = re.compile(rf"\s*(?:\[\s*)?(?:keys\s*\.\s*)?[\"']?{quoted}[\"']?\s*(?:[=.\]]|$)")
    for number, line in enumerate(text.splitlines(), 1):
        if begins.match(line):
            return f"{file}, line {number}"
    return file
