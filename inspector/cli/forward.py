"""`nninspect forward TARGET`: one real pass, measured row by row."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus
from inspector.core.results import ForwardReport
from inspector.worker.client import Client
from inspector.worker.protocol import Forward, Open


@click.command("forward")
@options.opening
@click.option("--backward", is_flag=True, help="Also a backward pass, with the gradient of every parameter.")
@options.as_json
def command(json: bool, backward: bool, worker: str | None, **opening: Any) -> int:
    """Run once on random or given input, and print what every row did."""
    recipe = options.recipe_from(opening)

    async def talk(client: Client) -> ForwardReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Forward(inputs=recipe.inputs, seed=recipe.seed, backward=backward))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import forward_document

        click.echo(forward_document(report))
    else:
        from inspector.report.text import print_forward

        print_forward(report)
    return ExitStatus.DONE if report.table.failure is None else ExitStatus.FOUND
