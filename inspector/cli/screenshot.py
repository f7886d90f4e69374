"""`nninspect screenshot TARGET -o OUT.svg`: the interface as a picture, after the given keys."""

import re
from pathlib import Path
from typing import Any

import click

from inspector.cli import completing, options
from inspector.core.errors import ExitStatus, ModelEndedError, RequestError
from inspector.files.writing import refuse_place, resolved, write_whole


@click.command("screenshot")
@options.opening_or_resuming
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT.svg",
    shell_complete=completing.files,
    help="The picture, on this machine; an existing file is replaced.",
)
@click.option("--size", default="120x40", show_default=True, metavar="COLUMNSxROWS")
@click.option(
    "--press", default="", metavar="KEYS", help="Keys to press first, separated by commas: 'down,down,enter'."
)
@click.option("--theme", metavar="NAME", help="In these colours: nord, textual-light, high-contrast-dark …")
@options.ascii_only
@options.as_json
def command(
    json: bool, ascii: bool, theme: str | None, output: str, size: str, press: str, worker: str | None, **opening: Any
) -> int:
    """Draw the interface without a terminal."""
    recipe, resumed = options.recipe_or_resumed(opening, worker)
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", size)
    if not found:
        raise RequestError(f"--size {size!r} is not COLUMNSxROWS, for example 120x40")
    columns, rows = int(found[1]), int(found[2])
    if not (20 <= columns <= 1000 and 5 <= rows <= 1000):
        raise RequestError(f"--size {size} cannot be drawn; choose between 20x5 and 1000x1000")
    if not output.lower().endswith(".svg"):
        raise RequestError(f"-o {output}: a screenshot is an .svg file; name it so")
    target = resolved(Path(output))
    refuse_place(target, output, overwrite=True)
    from inspector.worker.opening import client_for

    client = client_for(recipe, worker, for_commands=False)
    import asyncio

    from inspector.tui.dressed_app import Appearance
    from inspector.tui.screenshot import screenshot

    appearance = Appearance(ascii=ascii, theme=theme or "")
    keys = [key.strip() for key in press.split(",") if key.strip()]
    try:
        picture = asyncio.run(screenshot(client, recipe, (columns, rows), keys, resumed, appearance))
    except TimeoutError:
        raise ModelEndedError("the model did not come to an end in ten minutes, so there is no picture") from None
    write_whole(target, output, lambda place: place.write_text(picture, encoding="utf-8"))
    if json:
        import msgspec

        click.echo(msgspec.json.encode({"path": output, "size": [columns, rows], "press": keys}).decode())
    return ExitStatus.DONE
