"""`nninspect repair WEIGHTS --for TARGET`: why a checkpoint does not load, what mends it, and the mended file."""

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.recipe import Recipe, parse_arguments, parse_target, with_arguments
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.repair_wording import not_written
from inspector.core.typed_command import typed_command
from inspector.worker.client import Client
from inspector.worker.protocol import Open, Repair


@click.command("repair")
@click.argument("weights", shell_complete=completing.files)
@click.option(
    "--for",
    "target",
    required=True,
    metavar="TARGET",
    shell_complete=completing.targets,
    help="The model that the file is to be loaded into.",
)
@click.option(
    "--container",
    metavar="PATH",
    help="Which state_dict of WEIGHTS: the keys that lead to it, joined by dots, '' for the top.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    shell_complete=completing.files,
    help="Write the mended state_dict: .safetensors, .pt, .pth …",
)
@click.option("--dry-run", is_flag=True, help="Write nothing, also where OUT is given.")
@click.option("--overwrite", is_flag=True, help="Replace OUT where it exists; WEIGHTS itself is never replaced.")
@click.option("--partial", is_flag=True, help="Write what fits, and the model's own values for the rest.")
@click.option("--guess", is_flag=True, help="Write also where several tensors fit equally well, taking them in order.")
@click.option("--allow", multiple=True, metavar="RULE", help="A rule that loses information, as proposed; repeatable.")
@click.option("--args", "arguments", default="", metavar="TEXT", help="Constructor arguments: 'num_classes=10'.")
@click.option("--allow-outside", is_flag=True, help="Let an index name files outside of its folder.")
@options.worker
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@options.as_json
def command(
    json: bool,
    weights: str,
    target: str,
    container: str | None,
    output: str | None,
    dry_run: bool,
    overwrite: bool,
    partial: bool,
    guess: bool,
    allow: tuple[str, ...],
    arguments: str,
    allow_outside: bool,
    worker: str | None,
    debug: bool,
) -> int:
    """Say why WEIGHTS does not load, and the rules that mend it; -o writes the mended file."""
    parse_arguments(arguments)
    if parse_target(target).kind == "weights":
        raise RequestError(f"{target} is a file of tensors; name a model after --for")
    recipe = Recipe(
        target=target, arguments=arguments, allow_outside=allow_outside, typed=click.get_current_context().obj or []
    )
    settings = RepairSettings(
        weights=weights,
        container=container,
        output=None if dry_run else output,
        overwrite=overwrite,
        allow=list(allow),
        guess=guess,
        partial=partial,
    )

    async def talk(client: Client) -> RepairReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Repair(settings=settings))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import repair_document

        click.echo(repair_document(report))
    else:
        from inspector.report.repair import print_repair

        print_repair(report, typed_command(recipe, target, with_arguments(arguments, report.arguments)))
        if output and not dry_run and report.written is None:
            click.echo(not_written(report, output), err=True)
    return ExitStatus.DONE if report.loads and (guess or not report.ambiguous) else ExitStatus.FOUND
