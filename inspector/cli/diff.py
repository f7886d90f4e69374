"""`nninspect diff A B`: how two models or two files of tensors differ, keys aligned first."""

import tempfile
from pathlib import Path

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.differences import DiffReport
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.recipe import Recipe, parse_arguments, parse_each, parse_target
from inspector.worker.client import Client
from inspector.worker.protocol import Diff, Open, Save


@click.command("diff")
@click.argument("a", shell_complete=completing.targets)
@click.argument("b", shell_complete=completing.targets)
@click.option("--args", "arguments", default="", metavar="TEXT", help="Constructor arguments, where A or B is a model.")
@click.option("--allow-outside", is_flag=True, help="Let an index name files outside of its folder.")
@options.worker
@click.option("--input", "inputs", multiple=True, metavar="SPEC", help="With an ONNX file: what both are run on.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@options.as_json
def command(
    json: bool,
    a: str,
    b: str,
    arguments: str,
    allow_outside: bool,
    worker: str | None,
    inputs: tuple[str, ...],
    debug: bool,
) -> int:
    """Print which tensors only one of them has, which are renamed, and which differ, most changed first."""
    parse_arguments(arguments)
    typed = click.get_current_context().obj or []

    def recipe_of(target: str) -> Recipe:
        is_model = parse_target(target).kind not in ("weights", "onnx")
        return Recipe(target=target, arguments=arguments if is_model else "", allow_outside=allow_outside, typed=typed)

    if "onnx" in (parse_target(a).kind, parse_target(b).kind):
        from inspector.cli.diff_onnx import diff_onnx

        return diff_onnx(recipe_of(a), recipe_of(b), parse_each(inputs), worker, json)
    if inputs:
        raise RequestError("--input is for running a model beside its ONNX file; two models' tensors need none")
    with tempfile.TemporaryDirectory() as folder:
        other = b
        if parse_target(b).kind != "weights":
            other = str(Path(folder) / "b.pt")
            converse(recipe_of(b), worker, lambda client: _save(client, recipe_of(b), other))

        async def talk(client: Client) -> DiffReport:
            await client.request(Open(recipe=recipe_of(a)))
            return await client.request(Diff(other=other))

        report = converse(recipe_of(a), worker, talk)
    if json:
        from inspector.report.documents import diff_document

        click.echo(diff_document(report))
    else:
        from inspector.report.differences import print_differences

        print_differences(report)
    return ExitStatus.DONE if report.same else ExitStatus.FOUND


async def _save(client: Client, recipe: Recipe, path: str) -> None:
    await client.request(Open(recipe=recipe))
    await client.request(Save(path=path))
