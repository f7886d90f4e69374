"""`nninspect check TARGET`: what is wrong, most severe first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.check_configuration import FAIL_ON, configuration_for
from inspector.core.errors import ExitStatus, ModelEndedError, NoOneModelError, RequestError
from inspector.core.findings import SEVERITIES, CheckReport
from inspector.core.recipe import Recipe
from inspector.worker.check_settings import check_settings
from inspector.worker.client import Client
from inspector.worker.protocol import Check, Open


def _explain(context: click.Context, parameter: click.Parameter, id: str | None) -> None:
    if id is None or context.resilient_parsing:
        return
    from inspector.checks.catalogue import NOT_ADDED, RULES

    rule = RULES.get(id.upper())
    if rule is None:
        left_out = next((one.why for one in NOT_ADDED if one.rule == id.upper()), None)
        if left_out is not None:
            raise RequestError(left_out)
        raise RequestError(f"there is no rule {id!r}; the rules are {', '.join(sorted(RULES))}")
    click.echo(f"{rule.id} {rule.name}\n\n{rule.looks_for}\n\nThresholds: {rule.thresholds}\nSource: {rule.source}")
    context.exit(ExitStatus.DONE)


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


PRINTERS = {"text": _text, "json": _json, "github": _github, "sarif": _sarif}


@click.command("check")
@click.option(
    "--explain",
    metavar="RULE",
    shell_complete=completing.rules,
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
@click.option(
    "--select",
    metavar="RULES",
    multiple=True,
    shell_complete=completing.rules,
    help="Only these: NN105, or NN1 for its family; by commas.",
)
@click.option("--ignore", metavar="RULES", multiple=True, shell_complete=completing.rules, help="Not these.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*PRINTERS]),
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
    with refusal_printed(form, recipe.target):
        report, status = checked(recipe, worker, fail_on, select, ignore)
    PRINTERS["json" if json else form or "text"](report, recipe.target)
    return status


def checked(
    recipe: Recipe, worker: str | None, fail_on: str | None, select: tuple[str, ...], ignore: tuple[str, ...]
) -> tuple[CheckReport, ExitStatus]:
    """What is wrong with a target, by the rules and from the severity that were typed, else as its project says."""
    project = configuration_for(recipe.target)
    settings = check_settings(project, recipe.inputs, select, ignore)

    async def talk(client: Client) -> CheckReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Check(settings=settings))

    report = converse(recipe, worker, talk)
    threshold = fail_on or project.fail_on
    serious = (
        () if threshold == "never" else [one for one in SEVERITIES if FAIL_ON.index(one) <= FAIL_ON.index(threshold)]
    )
    found = any(one.severity in serious for one in report.findings)
    return report, ExitStatus.FOUND if found else ExitStatus.DONE


@contextmanager
def refusal_printed(form: str | None, target: str) -> Iterator[None]:
    """Annotates a target that cannot be checked, where findings are annotations; the exception goes on."""
    try:
        yield
    except (RequestError, ModelEndedError) as problem:
        # That a file holds several models, or none, is no fault of its own.
        if form == "github" and not isinstance(problem, NoOneModelError):
            from inspector.report.github import github_refusal

            click.echo(github_refusal(str(problem), target))
        raise
