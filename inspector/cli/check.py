"""`nninspect check TARGET`: what is wrong, most severe first."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse
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


def _ids(option: str, given: tuple[str, ...]) -> list[str]:
    """The ids, or beginnings of ids, that were typed. Raises RequestError for one that no rule begins with."""
    from inspector.checks.catalogue import RULES

    typed = [part.strip().upper() for one in given for part in one.split(",") if part.strip()]
    wrong = next((one for one in typed if not any(id.startswith(one) for id in RULES)), None)
    if wrong is not None:
        raise RequestError(f"{option} {wrong}: there is no such rule; the rules are {', '.join(sorted(RULES))}")
    return typed


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
    type=click.Choice([*SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="Exit with status 1 from this severity on.",
)
@click.option("--select", metavar="RULES", multiple=True, help="Only these: NN105, or NN1 for its family; by commas.")
@click.option("--ignore", metavar="RULES", multiple=True, help="Not these.")
@options.as_json
def command(
    json: bool, fail_on: str, select: tuple[str, ...], ignore: tuple[str, ...], worker: str | None, **opening: Any
) -> int:
    """Print findings, most severe first, each with its evidence and when it may be wrong."""
    recipe = options.recipe_from(opening)
    settings = CheckSettings(select=_ids("--select", select), ignore=_ids("--ignore", ignore), inputs=recipe.inputs)

    async def talk(client: Client) -> CheckReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Check(settings=settings))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import check_document

        click.echo(check_document(report))
    else:
        from inspector.report.findings import print_findings

        print_findings(report)
    serious = () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return ExitStatus.FOUND if any(one.severity in serious for one in report.findings) else ExitStatus.DONE
