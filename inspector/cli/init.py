"""`nninspect init TARGET --rule PATTERN=INITIALISER -o OUT`: re-initialise from the shell."""

from contextlib import suppress
from typing import Any

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.edits import Edit
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.recipe import Recipe, later_seed
from inspector.core.results import EditReport, InitPreview, SaveReport
from inspector.worker.client import Client
from inspector.worker.protocol import Apply, Open, Preview, Save, Trace


@click.command("init")
@options.opening
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="PATTERN=INITIALISER",
    help="'conv*.weight=kaiming_normal_(mode=fan_out)', 'type:Linear=xavier_uniform_', '*.bias=zeros_'; repeatable.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    shell_complete=completing.files,
    help="Where the state_dict goes: .pt, .params, .safetensors …; of an ONNX model the whole: .onnx.",
)
@click.option("--preview", is_flag=True, help="Write nothing: show what the rules do to values, signal and gradients.")
@click.option(
    "--save-edits",
    metavar="FILE",
    shell_complete=completing.files,
    help="Also write the edits to FILE, on this machine, for --edits to make again.",
)
@click.option(
    "--materialise",
    is_flag=True,
    help="First give tensors on meta memory on the CPU, and the values that their layers draw.",
)
@click.option("--frozen", is_flag=True, help="Also parameters that require no gradient, by a pattern too.")
@click.option("--external-data", is_flag=True, help="An ONNX model's weights into OUT.data; always so over 2 GB.")
@click.option("--overwrite", is_flag=True, help="Replace OUT where it exists.")
@options.as_json
def command(
    json: bool,
    rules: tuple[str, ...],
    output: str | None,
    preview: bool,
    save_edits: str | None,
    overwrite: bool,
    frozen: bool,
    materialise: bool,
    external_data: bool,
    worker: str | None,
    **opening: Any,
) -> int:
    """Re-initialise parameters by rules, in order, and save the state_dict; or show first what they would do."""
    if preview == (output is not None):
        raise RequestError("give either -o OUT, where the state_dict goes, or --preview, which writes nothing")
    if not rules and not materialise:
        raise click.UsageError("Missing option '--rule'.")
    recipe = options.recipe_from(opening)
    edits = [Edit(action="materialise", where="", argument="cpu", seed=recipe.seed)] if materialise else []
    edits += [_edit(rule, later_seed(recipe.seed, number), frozen) for number, rule in enumerate(rules)]

    if preview and save_edits is not None:
        raise RequestError("--preview makes no edits that could be saved; give --save-edits together with -o")
    if preview:
        _preview(recipe, worker, edits, json)
        return ExitStatus.DONE

    async def talk(client: Client) -> tuple[list[EditReport], SaveReport]:
        table = await client.request(Open(recipe=recipe))
        if any(row.lazy for row in table.rows):
            await client.request(Trace(inputs=recipe.inputs))
        reports = [await client.request(Apply(edit=edit)) for edit in edits]
        save = Save(path=output or "", overwrite=overwrite, external_data=external_data)
        if save_edits is not None:
            from inspector.files.journals import write_journal

            write_journal(save_edits, client.journal.done, overwrite)
        return reports, await client.request(save)

    reports, saved = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import init_document

        click.echo(init_document(reports, saved))
    else:
        for report in reports:
            click.echo(report.message)
        click.echo(f"wrote {saved.tensors} tensors to {' and '.join(saved.files)}")
    return ExitStatus.DONE


def _preview(recipe: Recipe, worker: str | None, edits: list[Edit], json: bool) -> None:
    """Show what each rule does to the model that those before it leave."""

    async def talk(client: Client) -> list[InitPreview]:
        await client.request(Open(recipe=recipe))
        with suppress(RequestError):  # without a pass there is less to tell, and the preview says why
            await client.request(Trace(inputs=recipe.inputs))
        previews = []
        for edit in edits:
            if edit.action == "initialise":
                previews.append(await client.request(Preview(edit=edit, measured=True)))
            await client.request(Apply(edit=edit))
        return previews

    previews = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import init_preview_document

        click.echo(init_preview_document(previews))
    else:
        from inspector.report.initialising import print_previews

        print_previews(previews)


def _edit(rule: str, seed: int, frozen: bool) -> Edit:
    pattern, equals, initialiser = rule.partition("=")
    if not (equals and pattern.strip() and initialiser.strip()):
        raise RequestError(f"--rule {rule!r} is not a rule: write PATTERN=INITIALISER, for example '*.bias=zeros_'")
    return Edit(action="initialise", where=pattern.strip(), argument=initialiser.strip(), seed=seed, frozen=frozen)
