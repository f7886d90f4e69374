"""`nninspect place TARGET --devices "cuda:0=20GiB,cpu,disk"`: a plan over several devices; nothing is moved."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.device_budgets import PlanSettings, parse_budgets
from inspector.core.errors import ExitStatus
from inspector.core.placement import PlacementPlan
from inspector.core.table import ModelTable
from inspector.worker.client import Client
from inspector.worker.protocol import Plan


@click.command("place")
@options.opening
@click.option(
    "--devices",
    default="auto",
    metavar="NAME=SIZE,…",
    callback=options.not_empty,
    help="'cuda:0=20GiB,cuda:1=20GiB,cpu=64GiB,disk': what weights may take on each, 90 % of what is free on one that "
    "exists where no size is given; without it all that exist.",
)
@click.option("--no-split", multiple=True, metavar="CLASS", help="Keep modules of this class whole; repeatable.")
@options.as_json
def command(json: bool, devices: str, no_split: tuple[str, ...], worker: str | None, **opening: Any) -> int:
    """Plan which rows go to which device, by accelerate, and tell what crosses between devices in a pass."""
    recipe = options.recipe_from(opening)
    settings = PlanSettings(budgets=parse_budgets(devices), no_split=list(no_split), inputs=recipe.inputs)

    async def talk(client: Client) -> tuple[ModelTable, PlacementPlan]:
        table = await opened(client, recipe)
        return table, await client.request(Plan(settings=settings))

    table, plan = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import place_document

        click.echo(place_document(table, plan))
    else:
        from inspector.report.placement import print_plan

        print_plan(table, plan)
    return ExitStatus.DONE if plan.fits else ExitStatus.FOUND
