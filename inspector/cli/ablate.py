"""`nninspect ablate TARGET`: rows switched off one by one, by how much the output changes without them."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.ablation import WAYS, AblationReport, AblationSettings
from inspector.core.errors import ExitStatus
from inspector.worker.client import Client
from inspector.worker.protocol import Ablate


@click.command("ablate")
@options.opening
@click.option(
    "--rows",
    multiple=True,
    metavar="PATTERN",
    help="What to switch off: 'layer1.*', 'type:ReLU', 'conv1 #2'; repeatable. Without it every module with parameters "
    "of its own, and blocks that repeat.",
)
@click.option(
    "--by",
    type=click.Choice(WAYS),
    help="In the place of the output zeros, each channel's mean over batch and positions, or the input. Without it "
    "identity for blocks that repeat, where shapes allow it, else zero.",
)
@options.as_json
def command(json: bool, rows: tuple[str, ...], by: Any, worker: str | None, **opening: Any) -> int:
    """Run once for each row with that row switched off, and rank rows by how much the output changes."""
    recipe = options.recipe_from(opening)
    settings = AblationSettings(inputs=recipe.inputs, seed=recipe.seed, rows=list(rows), by=by)

    async def talk(client: Client) -> AblationReport:
        await opened(client, recipe)
        return await client.request(Ablate(settings=settings))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import ablation_document

        click.echo(ablation_document(report))
    else:
        from inspector.report.ablation import print_ablation

        print_ablation(report)
    return ExitStatus.DONE
