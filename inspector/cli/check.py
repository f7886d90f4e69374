"""`nninspect check TARGET`: what is wrong, most severe first."""

from collections.abc import Iterable
from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse
from inspector.core.check_configuration import FAIL_ON, configuration_for
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.findings import SEVERITIES, CheckReport, CheckSettings
from inspector.worker.client import Client
from inspector.worker.protocol import Check, Open


def _explain(context: click.Context, parameter: click.Parameter, id: str | None) -> None:
    if id is None:
        return
    from inspector.checks.catalogue import RULES

    rule = RULES.get(id.upper())
    if rule is None:
        raise RequestError(f"there is no rule {id!r}; the rules are {', '.join(sorted(RULES))}")
    click.echo(f"{rule.id} {rule.name}\n\n{rule.looks_for}\n\nThresholds: {rule.thresholds}\nSource: {rule.source}")
    context.exit(ExitStatus.DONE)


def _ids(option: str, given: Iterable[str]) -> list[str]:
    """The ids, or beginnings of ids, that were typed. Raises RequestError for one that no rule begins with."""
    from inspector.checks.catalogue import RULES

    typed = [part.strip().upper() for one in given for part in one.split(",") if part.strip()]
    wrong = next((one for one in typed if not any(id.startswith(one) for id in RULES)), None)
    if wrong is not None:
        raise RequestError(f"{option} {wrong}: there is no such rule; the rules are {', '.join(sorted(RULES))}")
    return typed


def _text(report: CheckReport, target: str) -> None:
    from inspector.report.findings import print_findings

    print_findings(report)


def _json(report: CheckReport, target: str) -> None:
    from inspector.report.documents import check_document

    click.echo(check_document(report))


def _github(report: CheckReport, target: str) -> None:
    from inspector.report.github import github_commands

    for line in github_commands(report, target):
        click.echo(line)


def _sarif(report: CheckReport, target: str) -> None:
    from inspector.report.sarif import sarif_document

    click.echo(sarif_document(report, target))


_PRINTERS = {"text": _text, "json": _json, "github": _github, "sarif": _sarif}


@click.command("check")
@click.option(
    "--explain",
    metavar="RULE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Print what a rule looks for, its thresholds and where they come from.",
)
@options.opening
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="Exit with status 1 from this severity on; error, unless [tool.nninspect] says another.",
)
@click.option("--select", metavar="RULES", multiple=True, help="Only these: NN105, or NN1 for its family; by commas.")
@click.option("--ignore", metavar="RULES", multiple=True, help="Not these.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*_PRINTERS]),
    help="text, one JSON document, commands of a GitHub workflow, or SARIF 2.1.0.",
)
@options.as_json
def command(
    json: bool,
    form: str | None,
    fail_on: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    worker: str | None,
    **opening: Any,
) -> int:
    """Print findings, most severe first, each with its evidence and when it may be wrong.

    Defaults may stand in a pyproject.toml, in a table [tool.nninspect] with select, ignore and fail-on. A comment
    # nninspect: ignore[NN105] in the code keeps a finding quiet.
    """
    if json and form not in (None, "json"):
        raise RequestError(f"--json and --format {form} exclude each other; leave one out")
    recipe = options.recipe_from(opening)
    project = configuration_for(recipe.target)
    settings = CheckSettings(
        select=_ids("--select", select) or _ids(f"{project.file}: select", project.select),
        ignore=_ids("--ignore", ignore) or _ids(f"{project.file}: ignore", project.ignore),
        inputs=recipe.inputs,
    )

    async def talk(client: Client) -> CheckReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Check(settings=settings))

    report = converse(recipe, worker, talk)
    _PRINTERS["json" if json else form or "text"](report, recipe.target)
    threshold = fail_on or project.fail_on
    serious = (
        () if threshold == "never" else [one for one in SEVERITIES if FAIL_ON.index(one) <= FAIL_ON.index(threshold)]
    )
    return ExitStatus.FOUND if any(one.severity in serious for one in report.findings) else ExitStatus.DONE
