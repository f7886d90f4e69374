"""`nninspect what-if TARGET --at PATH --set stride=2`: which shapes other settings of one layer would change."""

from collections.abc import Iterable
from typing import Any

import click
import msgspec

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.recipe import LARGEST_COUNT, parse_each
from inspector.core.table import ModelTable, Row
from inspector.core.what_if import Proposal, WhatIfReport, parse_settings
from inspector.worker.client import Client
from inspector.worker.protocol import WhatIf


@click.command("what-if")
@options.opening
@click.option("--at", "at", required=True, metavar="PATH", help="The layer: its path in the model.")
@click.option("--function", default="", metavar="NAME", help="A function called by the module at PATH: F.max_pool2d.")
@click.option("--call", default=1, type=click.IntRange(1, LARGEST_COUNT), show_default=True, help="Which of its calls.")
@click.option(
    "--set",
    "texts",
    multiple=True,
    metavar="NAME=VALUE",
    help="'stride=2', 'kernel=3x5', 'padding=same', 'ceil_mode=yes', 'out_channels=32'; repeatable.",
)
@click.option("--with-input", "other", multiple=True, metavar="SPEC", help="Another input, as after --input.")
@options.as_json
def command(
    json: bool,
    at: str,
    function: str,
    call: int,
    texts: tuple[str, ...],
    other: tuple[str, ...],
    worker: str | None,
    **opening: Any,
) -> int:
    """Which shapes other settings of one layer would change, and what would no longer fit; nothing is changed."""
    recipe = options.recipe_from(opening)
    changes = _settings(texts)
    inputs = parse_each(other)

    async def talk(client: Client) -> WhatIfReport:
        table = await opened(client, recipe)
        proposal = Proposal(path=at, function=_function(table, at, function), call=call - 1, inputs=inputs)
        now = await client.request(WhatIf(proposal=proposal))
        settings = parse_settings(changes, now.now, now.operation)
        return await client.request(WhatIf(proposal=msgspec.structs.replace(proposal, settings=settings)))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import what_if_document

        click.echo(what_if_document(report))
    else:
        from inspector.report.what_if import print_what_if

        print_what_if(report)
    fits = report.after is not None and not any(row.failure for row in report.rows)
    return ExitStatus.DONE if fits else ExitStatus.FOUND


def _settings(texts: Iterable[str]) -> dict[str, str]:
    changes: dict[str, str] = {}
    for text in texts:
        name, value = _setting(text)
        if name in changes:
            raise RequestError(f"--set {name}={changes[name]} and --set {name}={value}: give each setting once")
        changes[name] = value
    return changes


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise RequestError(f"--set {text!r} is not a setting: write NAME=VALUE, for example stride=2 or padding=same")
    return name.strip(), value.strip()


def _function(table: ModelTable, at: str, name: str) -> str:
    """The function row's type, which is also found by its bare name."""
    if not name:
        return ""

    def bare(row: Row) -> str:
        return row.type.rpartition(".")[2]

    rows = [row for row in table.rows if row.kind == "function" and row.path == at]
    return next((row.type for row in rows if name in (row.type, bare(row))), name)
