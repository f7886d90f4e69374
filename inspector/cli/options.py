"""The options that every command shares, and the recipe they make."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from inspector.cli.completing import files, targets
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
    parse_target,
)
from inspector.core.settings import Settings
from inspector.core.workspace import Resumed, Workspace

F = TypeVar("F", bound=Callable[..., Any])


def not_empty(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The callback of an option that says nothing when it is empty, as after ``--device "$DEVICE"``."""
    if value is not None and not value.strip():
        raise RequestError(f"{parameter.opts[0]} is empty; write {parameter.metavar} after it, or leave it out")
    return value


def opening(function: F) -> F:
    """TARGET and the options that say how to open it; `recipe_from` reads them."""
    return _with([click.argument("target", shell_complete=targets), *_HOW_TO_OPEN])(function)


def opening_or_resuming(function: F) -> F:
    """The same, or a saved workspace in the place of TARGET; `recipe_or_resumed` reads them."""
    resume = click.option(
        "--resume",
        metavar="FILE",
        callback=not_empty,
        shell_complete=files,
        help="Take up a saved workspace; TARGET and options given beside it win over those in it.",
    )
    return _with([click.argument("target", required=False, shell_complete=targets), resume, *_HOW_TO_OPEN])(function)


worker = click.option(
    "--worker",
    metavar="COMMAND",
    callback=not_empty,
    help="Start the worker with this command, as in 'ssh box python -m inspector.worker'. TARGET, weights, "
    "@FILE and what -o writes are then paths there, from the folder that the command starts in.",
)

_HOW_TO_OPEN = [
    click.option(
        "--weights",
        metavar="FILE",
        callback=not_empty,
        shell_complete=files,
        help="Load this state_dict into the model.",
    ),
    click.option(
        "--container",
        metavar="PATH",
        help="Which state_dict of FILE: the keys that lead to it, joined by dots (ema), '' for the top.",
    ),
    click.option("--args", "arguments", default="", metavar="TEXT", help="Constructor arguments: 'num_classes=10'."),
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
        shell_complete=files,
        help="Make the edits of a saved journal, once the model is open.",
    ),
    click.option("--allow-outside", is_flag=True, help="Let an index name files outside of its folder."),
    worker,
    click.option("--debug", is_flag=True, help="Show tracebacks."),
]


def _with(decorators: list[Callable[[Any], Any]]) -> Callable[[F], F]:
    def decorated(function: F) -> F:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return decorated


def ascii_only(function: F) -> F:
    """The option for an interface without any other signs."""
    return click.option("--ascii", "ascii", is_flag=True, help="Draw the interface with ASCII alone.")(function)


def as_json(function: F) -> F:
    """The option for one JSON document on standard output."""
    return click.option("--json", "json", is_flag=True, help="One JSON document on standard output.")(function)


def settings_file(function: F) -> F:
    """The option for another file of settings."""
    return click.option(
        "--config",
        metavar="FILE",
        callback=not_empty,
        shell_complete=files,
        help="Settings from this file instead of your own.",
    )(function)


def memory(function: F) -> F:
    """The options for figures of memory; the command gets them by `memory_from`."""
    return _with(
        [
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
            click.option(
                "--on",
                multiple=True,
                metavar="DEVICE",
                help="With --memory: whether it fits on this device now; exit status 1 where inference does not.",
            ),
        ]
    )(function)


def memory_from(options: dict[str, Any]) -> MemorySettings | None:
    """Take the memory options out of a command's options; None where memory is not asked for.

    Raises RequestError where one is given without ``--memory``, or does not read.
    """
    wanted = options.pop("memory")
    batch, dtype, optimizer, fits = (options.pop(name) for name in ("batch", "dtype", "optimizer", "fits"))
    on = list(options.pop("on"))
    given = {"--batch": batch, "--dtype": dtype, "--optimizer": optimizer, "--fits": fits, "--on": on or None}
    unused = next((name for name, value in given.items() if value is not None), None)
    if wanted:
        limit = None if fits is None else parse_size(fits)
        return MemorySettings(
            batch=batch,
            dtype=DTYPES[dtype] if dtype else None,
            optimizer=optimizer or "adam",
            limit=limit,
            devices=on,
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


def recipe_or_resumed(options: dict[str, Any], worker: str | None) -> tuple[Recipe, Resumed | None]:
    """What to open, and the workspace it is taken from, where one is resumed; `worker` starts one elsewhere.

    Raises RequestError where an option or the workspace does not read, or is of another folder of this machine.
    """
    path = options.pop("resume")
    if path is None:
        if options["target"] is None:
            raise click.UsageError("Missing argument 'TARGET', or --resume FILE.")
        return recipe_from(options), None
    from inspector.files.content_marks import changes_since
    from inspector.files.workspaces import read_workspace

    workspace = read_workspace(path)
    given = [name for name in Recipe.__struct_fields__ if name in options and _is_given(name)]
    if "edits" in given:
        raise RequestError("--resume brings its own edits; leave --edits out, or --resume")
    options.update(
        target=options["target"] or workspace.recipe.target, weights=options["weights"] or workspace.recipe.weights
    )
    typed = recipe_from(options)
    if "weights" in given:
        given.append("container")
    recipe = msgspec.structs.replace(
        workspace.recipe, typed=typed.typed, **{name: getattr(typed, name) for name in given}
    )  # fmt: skip
    if worker is None:
        _refuse_other_folder(path, workspace, recipe)
    resumed = Resumed(path=path, workspace=workspace, changed=changes_since(workspace.files))
    return recipe, resumed


def with_settings(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe, with the settings where the command line says nothing."""
    chosen = {"seed": settings.seed, "device": settings.device}
    changes = {name: value for name, value in chosen.items() if not _is_given(name)}
    return msgspec.structs.replace(recipe, **changes)


def _refuse_other_folder(path: str, workspace: Workspace, recipe: Recipe) -> None:
    from inspector.files.typed_paths import typed_path

    target = parse_target(recipe.target)
    if target.kind == "python_module" or typed_path(target.location).exists() or workspace.folder == os.getcwd():
        return
    raise RequestError(f"{path} was saved in {workspace.folder}, and {recipe.target} is not here; resume it there")


def _is_given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    value = click.get_current_context().params.get(option)
    return source is click.core.ParameterSource.COMMANDLINE and value is not None


def _saved_edits(path: str) -> list[Edit]:
    from inspector.files.journals import read_journal

    return read_journal(path)
