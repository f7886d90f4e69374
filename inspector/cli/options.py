"""The options that every command shares, and the recipe they make."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.memory import DTYPES, OPTIMIZERS, MemorySettings, parse_size
from inspector.core.recipe import (
    LARGEST_COUNT,
    LARGEST_SEED,
    SMALLEST_SEED,
    Recipe,
    parse_arguments,
    parse_each,
)

F = TypeVar("F", bound=Callable[..., Any])


def not_empty(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The callback of an option that says nothing when it is empty, as after ``--device "$DEVICE"``."""
    if value is not None and not value.strip():
        raise RequestError(f"{parameter.opts[0]} is empty; write {parameter.metavar} after it, or leave it out")
    return value


def opening(function: F) -> F:
    """TARGET and the options that say how to open it; the command gets them as one `recipe`."""
    decorators = [
        click.argument("target"),
        click.option("--weights", metavar="FILE", callback=not_empty, help="Load this state_dict into the model."),
        click.option(
            "--container",
            metavar="PATH",
            help="Which state_dict of FILE: the keys that lead to it, joined by dots (ema), '' for the top.",
        ),
        click.option(
            "--args", "arguments", default="", metavar="TEXT", help="Constructor arguments: 'num_classes=10'."
        ),
        click.option(
            "--device",
            metavar="NAME",
            callback=not_empty,
            help="Move the model to this device: cpu, cuda:0, mps, meta.",
        ),
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
        click.option(
            "--edits",
            metavar="FILE",
            callback=not_empty,
            help="Make the edits of a saved journal, once the model is open.",
        ),
        click.option("--allow-outside", is_flag=True, help="Let an index name files outside of its folder."),
        click.option(
            "--worker",
            metavar="COMMAND",
            callback=not_empty,
            help="Start the worker with this command, on another machine say.",
        ),
        click.option("--debug", is_flag=True, help="Show tracebacks."),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def as_json(function: F) -> F:
    """The option for one JSON document on standard output."""
    return click.option("--json", "json", is_flag=True, help="One JSON document on standard output.")(function)


def memory(function: F) -> F:
    """The options for figures of memory; the command gets them by `memory_from`."""
    decorators = [
        click.option("--memory", is_flag=True, help="Also how much memory inference and training take, and where."),
        click.option(
            "--batch",
            type=click.IntRange(1, LARGEST_COUNT),
            metavar="N",
            help="With --memory: for batches of N samples.",
        ),
        click.option(
            "--dtype", type=click.Choice([*DTYPES]), help="With --memory: for parameters and inputs of this type."
        ),
        click.option("--optimizer", type=click.Choice([*OPTIMIZERS]), help="With --memory: adam, unless another."),
        click.option(
            "--fits",
            metavar="SIZE",
            callback=not_empty,
            help="With --memory: find the largest batch in 24GiB, say.",
        ),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def memory_from(options: dict[str, Any]) -> MemorySettings | None:
    """Take the memory options out of a command's options; None where memory is not asked for.

    Raises RequestError where one is given without ``--memory``, or does not read.
    """
    wanted = options.pop("memory")
    batch, dtype, optimizer, fits = (options.pop(name) for name in ("batch", "dtype", "optimizer", "fits"))
    given = {"--batch": batch, "--dtype": dtype, "--optimizer": optimizer, "--fits": fits}
    unused = next((name for name, value in given.items() if value is not None), None)
    if wanted:
        limit = None if fits is None else parse_size(fits)
        return MemorySettings(
            batch=batch, dtype=DTYPES[dtype] if dtype else None, optimizer=optimizer or "adam", limit=limit
        )
    if unused:
        raise RequestError(f"{unused} is about figures of memory; add --memory")
    return None


def recipe_from(options: dict[str, Any]) -> Recipe:
    """Take the opening options out of a command's options. Raises RequestError where one does not read."""
    options.pop("debug")
    edits = options.pop("edits")
    arguments = options.pop("arguments")
    parse_arguments(arguments)
    weights, container = options.pop("weights"), options.pop("container")
    if container is not None and weights is None:
        raise RequestError("--container says which state_dict of a file to load; name the file with --weights")
    return Recipe(
        target=options.pop("target"),
        weights=weights,
        container=container,
        arguments=arguments,
        device=options.pop("device"),
        training=options.pop("training"),
        seed=options.pop("seed"),
        inputs=parse_each(options.pop("inputs")),
        allow_outside=options.pop("allow_outside"),
        edits=[] if edits is None else _saved_edits(edits),
        typed=click.get_current_context().obj or [],
    )


def _saved_edits(path: str) -> list[Edit]:
    from inspector.files.journals import read_journal

    return read_journal(path)
