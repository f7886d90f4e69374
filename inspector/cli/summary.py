"""`nninspect summary TARGET`: one table, or one JSON document."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.errors import ExitStatus
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.recipe import Recipe
from inspector.core.table import ModelTable
from inspector.worker.client import Client
from inspector.worker.protocol import Memory


@click.command("summary")
@options.opening
@options.memory
@click.option("--full", is_flag=True, help="Print every row, also of blocks that repeat.")
@options.as_json
def command(json: bool, worker: str | None, full: bool, **opening: Any) -> int:
    """Print the tree with parameters, shapes, receptive fields and devices; blocks that repeat once."""
    memory = options.memory_from(opening)
    return print_summary(options.recipe_from(opening), worker, json, memory, full)


def print_summary(
    recipe: Recipe, worker: str | None, json: bool, settings: MemorySettings | None = None, full: bool = False
) -> int:
    """Open, trace, print; FOUND where the forward fails or the weights do not fit. With `settings` memory too."""

    async def talk(client: Client) -> tuple[ModelTable, MemoryReport | None]:
        table = await opened(client, recipe)
        if settings is None or table.failure is not None:
            return table, None
        return table, await client.request(Memory(settings=settings))

    table, memory = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import summary_document

        click.echo(summary_document(table, memory))
    else:
        from inspector.report.text import print_table

        print_table(table, memory, full)
    return status_of(table)


def status_of(table: ModelTable) -> ExitStatus:
    """FOUND where there is something to see: a forward that failed, a checkpoint that does not fit."""
    load = table.load
    fits = load is None or load.fits
    return ExitStatus.DONE if table.failure is None and fits else ExitStatus.FOUND
