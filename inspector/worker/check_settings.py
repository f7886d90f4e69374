"""Which rules a check applies, the same from the shell and the interface: as was typed, else as the project says."""

from collections.abc import Iterable

from inspector.core.check_configuration import CheckConfiguration
from inspector.core.errors import RequestError
from inspector.core.findings import CheckSettings
from inspector.core.recipe import InputSpec


def check_settings(
    project: CheckConfiguration,
    inputs: list[InputSpec],
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
) -> CheckSettings:
    """The settings; `select` and `ignore` are ids or what they begin with, several of them separated by commas.

    Raises RequestError for one that no rule begins with.
    """
    return CheckSettings(
        select=_ids("select", select) or _ids(f"{project.file}: select", project.select),
        ignore=_ids("ignore", ignore) or _ids(f"{project.file}: ignore", project.ignore),
        inputs=inputs,
    )


def _ids(label: str, given: str | Iterable[str]) -> list[str]:
    # Of a text alone every letter is one.
    given = [given] if isinstance(given, str) else list(given)
    typed = [part.strip().upper() for one in given for part in one.split(",") if part.strip()]
    if not typed:
        return []
    # The rules bring numpy along, which takes a while to import.
    from inspector.checks.catalogue import RULES

    wrong = next((one for one in typed if not any(id.startswith(one) for id in RULES)), None)
    if wrong is not None:
        raise RequestError(f"{label} {wrong}: there is no such rule; the rules are {', '.join(sorted(RULES))}")
    return typed
