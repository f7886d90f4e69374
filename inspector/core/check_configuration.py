"""The ``[tool.nninspect]`` table of a project: which rules `check` applies, and when it fails."""

import os
import tomllib
from pathlib import Path
from typing import Any

from inspector.core.errors import RequestError
from inspector.core.findings import SEVERITIES
from inspector.core.recipe import parse_target
from inspector.core.record import Record

FAIL_ON = [*SEVERITIES, "never"]
KEYS = ("select", "ignore", "fail-on")


class CheckConfiguration(Record, frozen=True, kw_only=True):
    """What a project asks of `check`; the command line wins over it."""

    file: str = ""
    select: list[str] = []
    ignore: list[str] = []
    fail_on: str = "error"


def configuration_for(target: str) -> CheckConfiguration:
    """That of the nearest pyproject.toml with such a table, from the folder of the target upwards.

    Of a dotted module or a live object, from the current folder. Raises RequestError where the file does not read, or
    has a key or a value that is none.
    """
    parsed = parse_target(target)
    is_file = parsed.kind not in ("python_module", "live")
    start = Path(os.path.expanduser(parsed.location)).absolute() if is_file else Path.cwd()
    for folder in [start, *start.parents]:
        file = folder / "pyproject.toml"
        if os.path.isfile(file):
            table = _table(file)
            if table is not None:
                return _read(file, table)
    return CheckConfiguration()


def _table(file: Path) -> Any:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RequestError(f"{file} cannot be read: {problem}; mend it") from None
    tools = document.get("tool", {})
    return tools.get("nninspect") if isinstance(tools, dict) else None


def _read(file: Path, table: Any) -> CheckConfiguration:
    where = f"{file}, [tool.nninspect]"
    if not isinstance(table, dict):
        raise RequestError(f"{where} is no table; write select, ignore or fail-on in it")
    unknown = next((key for key in table if key not in KEYS), None)
    if unknown is not None:
        raise RequestError(f"{where}: there is no key {unknown!r}; the keys are {', '.join(KEYS)}")
    for key in ("select", "ignore"):
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise RequestError(f'{where}: {key} is {value!r}, not a list of rules such as ["NN105", "NN4"]')
    fail_on = table.get("fail-on", "error")
    if fail_on not in FAIL_ON:
        raise RequestError(f"{where}: fail-on is {fail_on!r}, not one of {', '.join(FAIL_ON)}")
    return CheckConfiguration(
        file=str(file), select=table.get("select", []), ignore=table.get("ignore", []), fail_on=fail_on
    )
