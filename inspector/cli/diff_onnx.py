"""`nninspect diff` where A or B is an ONNX file."""

import click
from msgspec.structs import replace

from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus
from inspector.core.graph_comparison import GraphComparison
from inspector.core.recipe import InputSpec, Recipe, parse_target
from inspector.worker.client import Client
from inspector.worker.protocol import CompareModels


def diff_onnx(a: Recipe, b: Recipe, inputs: list[InputSpec], worker: str | None, json: bool) -> int:
    """Print how tensors and nodes differ, and where the values of one run part; returns the exit status."""
    request = CompareModels(a=replace(a, inputs=inputs), b=replace(b, inputs=inputs))

    async def talk(client: Client) -> GraphComparison:
        return await client.request(request)

    # A file of tensors alone has no worker, and the graph needs one.
    report = converse(a if parse_target(a.target).kind == "onnx" else b, worker, talk)
    if json:
        from inspector.report.documents import graph_comparison_document

        click.echo(graph_comparison_document(report))
    else:
        from inspector.report.graph_comparison import print_graph_comparison

        print_graph_comparison(report)
    return ExitStatus.DONE if report.same else ExitStatus.FOUND
