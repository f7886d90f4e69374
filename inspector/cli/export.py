"""`nninspect export TARGET -o OUT.onnx`: writes a PyTorch model as ONNX, and compares both row by row."""

from typing import Any

import click

from inspector.cli import completing, options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.export import ExportReport, ExportSettings, parse_dynamic
from inspector.core.recipe import parse_target
from inspector.worker.client import Client
from inspector.worker.protocol import Export, Open


@click.command("export")
@options.opening
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT.onnx",
    shell_complete=completing.files,
    help="Where to write the model.",
)
@click.option("--verify", is_flag=True, help="Compare the file with the model, row by row, on the same inputs.")
@click.option(
    "--dynamic",
    multiple=True,
    metavar="NAME:AXIS[=name]",
    help="Leave this axis of an input open: --dynamic x:0=batch. Repeatable; axes of one name have one size.",
)
@click.option("--dynamic-batch", is_flag=True, help="Leave the first axis of every input open.")
@click.option("--opset", type=click.IntRange(7, 99), metavar="N", help="Version of ONNX's operators.")
@click.option("--fp16", "half", is_flag=True, help="Weights and inputs in half precision; the model stays as it is.")
@click.option("--fuse", is_flag=True, help="Merge modules, as a normalisation into the convolution before it.")
@click.option("--external-data", is_flag=True, help="Weights into OUT.onnx.data; always so over 2 GB.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.onnx where it exists.")
@options.as_json
def command(json: bool, output: str, dynamic: tuple[str, ...], worker: str | None, **rest: Any) -> int:
    """Write a PyTorch model as ONNX; with --verify say which row is the first that differs."""
    chosen = {name: rest.pop(name) for name in ("verify", "dynamic_batch", "opset", "half", "fuse", "external_data")}
    overwrite = rest.pop("overwrite")
    recipe = options.recipe_from(rest)
    if parse_target(recipe.target).kind in ("onnx", "weights"):
        raise RequestError(f"{recipe.target} is no PyTorch model; name the file or the class of the model to export")
    if recipe.training:
        raise RequestError("what is exported is for use, in eval mode; leave --train out")
    settings = ExportSettings(
        path=output,
        dynamic=[parse_dynamic(text) for text in dynamic],
        overwrite=overwrite,
        seed=recipe.seed,
        **chosen,
    )

    async def talk(client: Client) -> ExportReport:
        await client.request(Open(recipe=recipe))
        return await client.request(Export(settings=settings))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import export_document

        click.echo(export_document(report))
    else:
        from inspector.report.export import print_export

        print_export(report)
    comparison = report.comparison
    return ExitStatus.DONE if comparison is None or comparison.agrees else ExitStatus.FOUND
