"""`nninspect open TARGET`: the terminal interface; a printed summary where there is no terminal."""

import os
import sys
from typing import Any

import click

from inspector.cli import options
from inspector.cli.serve import ANYWHERE
from inspector.core.errors import ExitStatus, RequestError


def _refuse_no_file(target: str) -> None:
    """What would be said in every tab."""
    from inspector.core.recipe import parse_target
    from inspector.files.typed_paths import typed_path

    found = parse_target(target)
    if found.kind in ("python_file", "onnx", "weights") and not typed_path(found.location).exists():
        raise RequestError(f"{found.location}: there is no such file")


@click.command("open")
@options.opening_or_resuming
@options.settings_file
@click.option("--forget", is_flag=True, help="Open as if for the first time: what was remembered of TARGET is dropped.")
@click.option(
    "--serve",
    metavar="[HOST:PORT]",
    is_flag=False,
    flag_value=ANYWHERE,
    help="Show the interface in a browser, on this machine alone unless another HOST is named.",
)
@click.option("--allow-remote", is_flag=True, help="With --serve: let other machines in, unencrypted.")
@options.ascii_only
@options.as_json
def command(
    json: bool,
    ascii: bool,
    forget: bool,
    config: str | None,
    worker: str | None,
    serve: str | None,
    allow_remote: bool,
    **opening: Any,
) -> int:
    """Open TARGET, or a saved workspace, in the terminal interface; with --serve in a browser."""
    # A driver of Textual's that is not for terminals: this is the process of a tab.
    in_a_tab = "TEXTUAL_DRIVER" in os.environ
    address = None
    if serve is not None and not in_a_tab:
        from inspector.browser.address import parse_address

        if json:
            raise RequestError("--serve shows the interface and --json prints a document; leave one out")
        # Before TARGET is missed, which it may have taken for itself.
        address = parse_address(serve)
    read = None
    if address is not None or (not json and (in_a_tab or (sys.stdout.isatty() and sys.stdin.isatty()))):
        from inspector.files.settings_file import read_settings

        read = read_settings(config)
        worker = worker or read.settings.worker
    recipe, resumed = options.recipe_or_resumed(opening, worker)
    if read is None:
        from inspector.cli.summary import print_summary

        if resumed is not None and resumed.changed:
            click.echo(f"nninspect: since {resumed.path} was saved {'; '.join(resumed.changed)}", err=True)
        return print_summary(recipe, worker, json)
    if address is not None:
        from inspector.cli.serve import serve as serve_interface

        if worker is None:
            _refuse_no_file(recipe.target)
        return serve_interface(address, allow_remote, recipe.target, recipe.typed)
    if resumed is None:
        recipe = options.with_settings(recipe, read.settings)
    from inspector.worker.opening import client_for

    # The worker starts first: it imports torch while this process imports Textual and paints.
    client = client_for(recipe, worker, for_commands=False)
    from inspector.tui.dressed_app import Appearance
    from inspector.tui.running import run

    appearance = Appearance(ascii=ascii)
    return run(client, recipe, resumed, appearance, read, remembers=True, forget=forget) or ExitStatus.DONE
