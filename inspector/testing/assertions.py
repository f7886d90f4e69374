"""That a file loads into a model, and that nothing is wrong with it."""

import os
from collections.abc import Sequence
from typing import Any, Literal, Unpack

from inspector.api import check
from inspector.api.opening import Model, Opening, converse
from inspector.core.errors import RequestError
from inspector.core.findings import SEVERITIES, Finding
from inspector.core.recipe import Recipe
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.repair_wording import sections
from inspector.testing.telling import in_a_sentence
from inspector.worker.client import Client
from inspector.worker.protocol import Open, Repair

MOST_LISTED = 8
"""Keys or findings of one kind; the rest is counted."""
_BUILT_SO = "make the model with them"


@in_a_sentence
def assert_loads(
    model: Model, file: str | os.PathLike[str], *, mended: bool = False, **opening: Unpack[Opening]
) -> None:
    """Assert that ``model.load_state_dict`` takes the file strictly; where `mended`, by the rules of `repair`.

    The model stays as it is, and of the file no code runs. The failure lists what does not fit and which rules would
    mend it. Raises RequestError for a file that cannot be read.
    """
    path = os.path.abspath(file)

    async def talk(client: Client, recipe: Recipe) -> RepairReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Repair(settings=RepairSettings(weights=path)))

    report = converse(model, (), opening, talk)
    if not (report.loads and not report.ambiguous if mended else _loads_as_it_is(report)):
        raise AssertionError(_why_not(os.fspath(file), report, mended))


@in_a_sentence
def assert_healthy(
    model: Model,
    *inputs: Any,
    select: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    fail_on: Literal["error", "warning", "info"] = "error",
    **opening: Unpack[Opening],
) -> None:
    """Assert that `inspector.check` finds nothing from the severity `fail_on` on; arguments as for it.

    Raises RequestError where the model cannot be checked at all, and for a `fail_on` that is no severity.
    """
    if fail_on not in SEVERITIES:
        raise RequestError(f"fail_on= is {fail_on!r}, not one of {', '.join(SEVERITIES)}")
    result = check(model, *inputs, select=select, ignore=ignore, **opening)
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    found = [finding for finding in result.findings if finding.severity in counted]
    if found:
        told = "\n".join(map(_told, found[:MOST_LISTED]))
        more = f"\nand {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        raise AssertionError(f"the model is not healthy: {result.report.outcome}\n{told}{more}")


def _loads_as_it_is(report: RepairReport) -> bool:
    changed = any(rule.tensors and rule.kind != "cast" for rule in report.rules)
    lacking = report.missing or report.unexpected or report.mismatched or report.ambiguous or report.container
    # A strict load minds the keys too that do not matter.
    return report.loads and not (changed or lacking or report.harmless)


def _why_not(file: str, report: RepairReport, mended: bool) -> str:
    how = "not even by the rules of repair" if mended else "strictly"
    mendable = report.loads and not (mended or report.ambiguous)
    lines = [f"{file} does not load {how}: {'it has to be mended first' if mendable else report.verdict}"]
    if report.container:
        lines.append(f"its state_dict lies in {report.container}")
    for heading, found in sections(report, _BUILT_SO):
        lines += [f"{heading}:", *(f"  {line}" for line in found[:MOST_LISTED])]
        if len(found) > MOST_LISTED:
            lines.append(f"  and {len(found) - MOST_LISTED:,} more")
    return "\n".join(lines)


def _told(finding: Finding) -> str:
    facts = "".join(f"\n    {label}: {text}" for label, text in finding.facts if text)
    return f"{finding.severity} {finding.rule} {finding.name}: {finding.message}{facts}"
