"""`nninspect keys TARGET [KEY…]`: state_dict keys explained part by part."""

from typing import Any

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus
from inspector.core.results import KeyExplanation
from inspector.worker.client import Client
from inspector.worker.protocol import Explain, Open


@click.command("keys")
@options.opening
@click.argument("keys", nargs=-1, shell_complete=completing.checkpoint_keys)
@options.as_json
def command(json: bool, keys: tuple[str, ...], worker: str | None, **opening: Any) -> int:
    """Explain each state_dict key, with the Python expression that reaches it."""
    recipe = options.recipe_from(opening)

    async def talk(client: Client) -> list[KeyExplanation]:
        await client.request(Open(recipe=recipe))
        return await client.request(Explain(keys=list(keys)))

    explanations = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import keys_document

        # The document lists the state_dict's keys; a buffer that it leaves out only where it is asked for.
        click.echo(keys_document([each for each in explanations if keys or each.persistent]))
    else:
        from inspector.report.text import print_keys

        print_keys(explanations)
    return ExitStatus.DONE
