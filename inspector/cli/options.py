"""The options that every command shares, and the recipe they make."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from inspector.core.recipe import LARGEST_SEED, SMALLEST_SEED, InputSpec, Recipe, parse_arguments, parse_input

F = TypeVar("F", bound=Callable[..., Any])


def opening(function: F) -> F:
    """TARGET and the options that say how to open it; the command gets them as one `recipe`."""
    decorators = [
        click.argument("target"),
        click.option("--weights", metavar="FILE", help="Load this state_dict into the model."),
        click.option(
            "--args", "arguments", default="", metavar="TEXT", help="Constructor arguments: 'num_classes=10'."
        ),
        click.option("--device", metavar="NAME", help="Move the model to this device: cpu, cuda:0, mps, meta."),
        click.option("--train", "training", is_flag=True, help="Train mode; without it, eval."),
        click.option(
            "--seed",
            type=click.IntRange(SMALLEST_SEED, LARGEST_SEED),
            default=0,
            show_default=True,
            help="Seed of everything random.",
        ),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="SPEC",
            help="[NAME=]SHAPE[:DTYPE][~DISTRIBUTION] or [NAME=]@FILE; repeat it for several inputs.",
        ),
        click.option("--worker", metavar="COMMAND", help="Start the worker with this command, on another machine say."),
        click.option("--debug", is_flag=True, help="Show tracebacks."),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def as_json(function: F) -> F:
    """The option for one JSON document on standard output."""
    return click.option("--json", "json", is_flag=True, help="One JSON document on standard output.")(function)


def recipe_from(options: dict[str, Any]) -> Recipe:
    """Take the opening options out of a command's options. Raises RequestError where one does not read."""
    options.pop("debug")
    arguments = options.pop("arguments")
    parse_arguments(arguments)
    specs: list[InputSpec] = [parse_input(text) for text in options.pop("inputs")]
    return Recipe(
        target=options.pop("target"),
        weights=options.pop("weights"),
        arguments=arguments,
        device=options.pop("device"),
        training=options.pop("training"),
        seed=options.pop("seed"),
        inputs=specs,
        typed=click.get_current_context().obj or [],
    )
