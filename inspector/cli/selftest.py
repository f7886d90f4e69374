"""`nninspect selftest TARGET`: the tests that come before training."""

from typing import Any

import click

from inspector.cli import options
from inspector.cli.conversation import converse
from inspector.core.errors import ExitStatus
from inspector.core.recipe import LARGEST_COUNT
from inspector.core.self_tests import SelfTestReport, SelfTestSettings
from inspector.worker.client import Client
from inspector.worker.protocol import Open, SelfTests


@click.command("selftest")
@options.opening
@click.option(
    "--steps", type=click.IntRange(1, LARGEST_COUNT), default=100, show_default=True, help="Of training, at most."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    default=10.0,
    show_default=True,
    help="For each of the two trainings, at most.",
)
@options.as_json
def command(json: bool, steps: int, seconds: float, worker: str | None, **opening: Any) -> int:
    """Overfit one random batch, compare with training without the input, and chart what depends on what.

    The trainings are those of copies. Exits with status 1 where a test fails.
    """
    recipe = options.recipe_from(opening)
    settings = SelfTestSettings(inputs=recipe.inputs, steps=steps, seconds=seconds)

    async def talk(client: Client) -> SelfTestReport:
        await client.request(Open(recipe=recipe))
        return await client.request(SelfTests(settings=settings))

    report = converse(recipe, worker, talk)
    if json:
        from inspector.report.documents import self_test_document

        click.echo(self_test_document(report))
    else:
        from inspector.report.self_tests import print_self_tests

        print_self_tests(report)
    return ExitStatus.FOUND if report.failed else ExitStatus.DONE
