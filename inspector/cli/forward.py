"""`nninspect forward TARGET`: one real pass, measured row by row."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus
from inspector.core.results import ForwardReport, ValuesReport
from inspector.worker.client import Client
from inspector.worker.protocol import Forward, Open, Values


@click.command("forward")
@options.opening
@click.option("--backward", is_flag=True, help="Also a backward pass, with the gradient of every parameter.")
@click.option("--optimised", is_flag=True, help="Of an ONNX model: once more with all of onnxruntime's optimisations.")
@click.option(
    "--values",
    "wanted",
    multiple=True,
    metavar="NAME[INDEX]",
    help="Print values of a tensor, or of a node or value of an ONNX graph: '/conv1/Conv[0, 2]'; repeat it for more.",
)
@options.as_json
def command(
    json: bool, backward: bool, optimised: bool, wanted: tuple[str, ...], worker: str | None, **opening: Any
) -> int:
    """Run once on random or given input, and print what every row did."""
    recipe = options.recipe_from(opening)

    async def talk(client: Client) -> tuple[ForwardReport, list[ValuesReport]]:
        await client.request(Open(recipe=recipe))
        request = Forward(inputs=recipe.inputs, seed=recipe.seed, backward=backward, optimised=optimised)
        report = await client.request(request)
        return report, [await client.request(values_request(one)) for one in wanted]

    report, values = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import forward_document

        click.echo(forward_document(report, values))
    else:
        from inspector.report.text import print_forward

        print_forward(report, values)
    return ExitStatus.DONE if report.table.failure is None else ExitStatus.FOUND


def values_request(text: str) -> Values:
    """What ``NAME[INDEX]`` asks for; the last bracket is the index, where there is one."""
    name, bracket, index = text.rpartition("[") if text.endswith("]") else (text, "", "")
    return Values(key=name, index=f"{bracket}{index}")
