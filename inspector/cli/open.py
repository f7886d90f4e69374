"""`nninspect open TARGET`: the terminal interface; a printed summary where there is no terminal."""

import sys
from typing import Any

import click

from inspector.cli import options
from inspector.core.errors import ExitStatus


@click.command("open")
@options.opening
@options.as_json
def command(json: bool, worker: str | None, **opening: Any) -> int:
    """Open TARGET in the terminal interface."""
    recipe = options.recipe_from(opening)
    if json or not sys.stdout.isatty() or not sys.stdin.isatty():
        from inspector.cli.summary import print_summary

        return print_summary(recipe, worker, json)
    from inspector.worker.opening import client_for

    # The worker starts first: it imports torch while this process imports Textual and paints.
    client = client_for(recipe, worker, for_commands=False)
    from inspector.tui.app import run

    return run(client, recipe) or ExitStatus.DONE
