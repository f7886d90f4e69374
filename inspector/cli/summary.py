"""`nninspect summary TARGET`: one table, or one JSON document."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.errors import ExitStatus
from inspector.core.memory import MemoryReport, MemorySettings
from inspector.core.recipe import Recipe
from inspector.core.row_facts import RowFacts
from inspector.core.row_filters import RowFilter, parse_filter
from inspector.core.table import ModelTable
from inspector.worker.client import Client
from inspector.worker.protocol import Memory


@click.command("summary")
@options.opening
@options.memory
@click.option("--full", is_flag=True, help="Print every row, also of blocks that repeat.")
@click.option(
    "--filter",
    "wanted",
    metavar="EXPR",
    help="Print only rows such as 'type:Conv2d params>1e6 -frozen', and what holds them.",
)
@options.as_json
def command(json: bool, worker: str | None, full: bool, wanted: str | None, **opening: Any) -> int:
    """Print the tree with parameters, shapes, receptive fields and devices; blocks that repeat once."""
    memory = options.memory_from(opening)
    row_filter = parse_filter(wanted) if wanted is not None else None
    return print_summary(options.recipe_from(opening), worker, json, memory, full, row_filter)


def print_summary(
    recipe: Recipe,
    worker: str | None,
    json: bool,
    settings: MemorySettings | None = None,
    full: bool = False,
    row_filter: RowFilter | None = None,
) -> int:
    """Open, trace, print; FOUND where the forward fails or the weights do not fit. With `settings` memory too.

    With a filter only the rows that it finds. Raises RequestError where it asks for what `summary` does not find out.
    """

    async def talk(client: Client) -> tuple[ModelTable, MemoryReport | None]:
        table = await opened(client, recipe)
        if settings is None or table.failure is not None:
            return table, None
        return table, await client.request(Memory(settings=settings))

    table, memory = converse(recipe, worker, talk)
    found = row_filter.found(RowFacts(table)) if row_filter is not None else None
    if json:
        from inspector.report.documents import summary_document

        click.echo(summary_document(table, memory, found))
    else:
        from inspector.report.text import print_table

        print_table(table, memory, full, found=found)
    asked = memory.devices if memory is not None and settings is not None and settings.devices else []
    lacking = any(one.inference_left is not None and one.inference_left < 0 for one in asked)
    return ExitStatus.FOUND if lacking else status_of(table)


def status_of(table: ModelTable) -> ExitStatus:
    """FOUND where there is something to see: a forward that failed, a checkpoint that does not fit."""
    load = table.load
    fits = load is None or load.fits
    return ExitStatus.DONE if table.failure is None and fits else ExitStatus.FOUND
