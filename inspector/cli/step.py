"""`nninspect step TARGET --break 'layer1.* if nan'`: a forward pass, and what is there wherever it stops."""

from collections.abc import Callable
from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse, opened
from inspector.core.errors import ExitStatus
from inspector.core.recipe import LARGEST_SEED, SMALLEST_SEED, Recipe, parse_each
from inspector.core.stops import OtherRun, StepReport, StepSettings, Stop
from inspector.worker.client import Client
from inspector.worker.protocol import StartStepping, Step


@click.command("step")
@options.opening
@click.option(
    "--break",
    "breakpoints",
    multiple=True,
    metavar="EXPR",
    help="Stop where this holds: 'conv1', 'layer1.* if absmax > 1e4', 'type:Conv2d #2', 'nan', 'before fc1'; "
    "repeatable. Without it, after every row.",
)
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="'ROW: CHANGE'",
    help="Go on with another output: 'conv1: zero', scale(2), clamp(-1, 1), noise(0.1), '[0, 3] = 1.5', "
    "file(PATH), other (that of the other run), '= output.abs()'; repeatable.",
)
@click.option(
    "--other-seed",
    type=click.IntRange(SMALLEST_SEED, LARGEST_SEED),
    help="Seed of the other run, from which '--change ROW: other' takes outputs.",
)
@click.option("--other-input", "other_inputs", multiple=True, metavar="SPEC", help="Its input, as after --input.")
@options.as_json
def command(
    json: bool,
    breakpoints: tuple[str, ...],
    changes: tuple[str, ...],
    other_seed: int | None,
    other_inputs: tuple[str, ...],
    worker: str | None,
    **opening: Any,
) -> int:
    """Run forward once and print every stop: what a row is given and puts out, the line, the local variables."""
    recipe = options.recipe_from(opening)
    other = None
    if other_inputs or other_seed is not None:
        seed = recipe.seed if other_seed is None else other_seed
        other = OtherRun(inputs=parse_each(other_inputs), seed=seed)
    settings = StepSettings(
        inputs=recipe.inputs,
        seed=recipe.seed,
        breakpoints=list(breakpoints),
        changes=list(changes),
        other=other,
        command="continue" if breakpoints else "row",
    )
    if json:
        from inspector.report.documents import step_document

        stops: list[Stop] = []
        report = converse(recipe, worker, lambda client: _walk(client, recipe, settings, stops.append))
        click.echo(step_document(stops, report))
    else:
        from inspector.report.stepping import print_end, print_stop

        report = converse(
            recipe,
            worker,
            lambda client: _walk(client, recipe, settings, lambda stop: print_stop(stop, bool(breakpoints))),
        )
        print_end(report, changes=bool(changes))
    return ExitStatus.DONE if report.failure is None else ExitStatus.FOUND


async def _walk(client: Client, recipe: Recipe, settings: StepSettings, show: Callable[[Stop], None]) -> StepReport:
    """Go from stop to stop, each shown as it is reached; how the pass ended."""
    await opened(client, recipe)
    report = await client.request(StartStepping(settings=settings))
    while report.stop is not None:
        show(report.stop)
        report = await client.request(Step(command=settings.command))
    return report
