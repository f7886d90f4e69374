"""`nninspect forward TARGET`: one real pass, measured row by row."""

from typing import Any

import click
import msgspec

from inspector.cli import options
from inspector.cli.conversation import converse
from inspector.core.device_budgets import PlanSettings, parse_budgets
from inspector.core.errors import ExitStatus, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import LARGEST_COUNT
from inspector.core.results import ForwardReport, ValuesReport
from inspector.core.run_comparison import RunComparison, RunComparisonSettings, parse_other_state
from inspector.worker.client import Client
from inspector.worker.protocol import CompareRuns, Forward, Open, Values


@click.command("forward")
@options.opening
@click.option("--backward", is_flag=True, help="Also a backward pass, with the gradient of every parameter.")
@click.option("--batches", type=int, default=1, metavar="N", help="As many passes, each on inputs drawn anew, as one.")
@click.option(
    "--timed",
    type=click.IntRange(0, LARGEST_COUNT),
    default=0,
    metavar="N",
    help="Times from N passes that look at nothing else, beside N bare ones; of PyTorch models.",
)
@click.option("--optimised", is_flag=True, help="Of an ONNX model: once more with all of onnxruntime's optimisations.")
@click.option(
    "--compare",
    "other",
    metavar="STATE",
    callback=options.not_empty,
    help="Once more in another state, on the same input, and both side by side: train, eval, init (layers as they are "
    "made), bfloat16, float16, float32, float64, or a file of weights; of an ONNX model another of the same structure.",
)
@click.option("--plot", is_flag=True, help="With --backward: the gradient flow as a bar for each parameter.")
@click.option(
    "--values",
    "wanted",
    multiple=True,
    metavar="NAME[INDEX]",
    help="Print values of a tensor, or of a node or value of an ONNX graph: '/conv1/Conv[0, 2]'; repeat it for more.",
)
@click.option(
    "--device-map",
    metavar="NAME=SIZE,…",
    callback=options.not_empty,
    help="Over several devices, as `place` plans it: 'auto', 'cuda:0=20GiB,cpu,disk'; afterwards all is where it was.",
)
@click.option(
    "--offload", metavar="FOLDER", callback=options.not_empty, help="With --device-map: for what goes on the disk."
)
@options.as_json
def command(
    json: bool,
    backward: bool,
    batches: int,
    timed: int,
    optimised: bool,
    other: str | None,
    plot: bool,
    wanted: tuple[str, ...],
    device_map: str | None,
    offload: str | None,
    worker: str | None,
    **opening: Any,
) -> int:
    """Run on random or given input, and print what every row did."""
    recipe = options.recipe_from(opening)
    placement = _placement(device_map, offload)
    _refuse_together(backward, optimised, other, plot, placement is not None)
    state = None if other is None else parse_other_state(other)
    if placement is not None and recipe.weights is not None:
        recipe = msgspec.structs.replace(recipe, mapped=True)

    settings = ForwardSettings(
        inputs=recipe.inputs,
        seed=recipe.seed,
        backward=backward,
        batches=batches,
        timed=timed,
        placement=placement,
    )

    async def run(client: Client) -> tuple[ForwardReport, RunComparison | None]:
        if state is None:
            return await client.request(Forward(settings=settings, optimised=optimised)), None
        comparison = await client.request(CompareRuns(settings=RunComparisonSettings(other=state, run=settings)))
        return comparison.before, comparison

    async def talk(client: Client) -> tuple[ForwardReport, RunComparison | None, list[ValuesReport]]:
        await client.request(Open(recipe=recipe))
        report, comparison = await run(client)
        return report, comparison, [await client.request(values_request(one)) for one in wanted]

    report, comparison, values = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import forward_document

        click.echo(forward_document(report, values, comparison))
    else:
        from inspector.report.text import print_forward

        print_forward(report, values, comparison, plot)
    failed = any(one.table.failure is not None for one in (report, comparison.after if comparison else report))
    return ExitStatus.FOUND if failed else ExitStatus.DONE


def _refuse_together(backward: bool, optimised: bool, other: str | None, plot: bool, placed: bool) -> None:
    if plot and not backward:
        raise RequestError("--plot draws the gradients of a backward pass; add --backward")
    if optimised and other is not None:
        raise RequestError("--optimised and --compare both run a second time; ask for one of them")
    if placed and other is not None:
        raise RequestError("--device-map and --compare both change the model for the pass; ask for one of them")


def _placement(device_map: str | None, offload: str | None) -> PlanSettings | None:
    if device_map is None:
        if offload is not None:
            raise RequestError("--offload is for what a device map puts on the disk; add --device-map auto")
        return None
    budgets = parse_budgets(device_map)
    return PlanSettings(budgets=budgets, folder=offload)


def values_request(text: str) -> Values:
    """What ``NAME[INDEX]`` asks for; the last bracket is the index, where there is one."""
    name, bracket, index = text.rpartition("[") if text.endswith("]") else (text, "", "")
    return Values(key=name, index=f"{bracket}{index}")
