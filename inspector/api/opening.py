"""From what the caller gave to a client, and one conversation with it."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar

import msgspec

from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.core.recipe import LARGEST_SEED, SMALLEST_SEED, Recipe, live_target, parse_arguments
from inspector.core.wording import shortened
from inspector.worker.client import Client

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")
Model: TypeAlias = "nn.Module | str | os.PathLike[str]"
"""A live object, or a TARGET of the command line."""


class Opening(TypedDict, total=False):
    """How a model is opened and called; all but `kwargs` and `seed` are of a TARGET alone."""

    kwargs: Mapping[str, Any]
    """What forward takes by name, beside the inputs."""
    seed: int
    """Of everything random: inputs that are drawn, dropout."""
    weights: str | os.PathLike[str]
    """A file of weights to load."""
    args: str
    """Constructor arguments as after ``--args``: ``num_classes=10``."""
    device: str
    train: bool
    """Train mode instead of eval. A live object stays in its own."""


def converse(
    model: Model, inputs: Sequence[Any], opening: Opening, talk: Callable[[Client, Recipe], Coroutine[None, None, T]]
) -> T:
    """Carry out `talk` with the model's client; what the caller's thread waits for.

    Raises RequestError with one sentence for all that cannot be done, the model's own code ending its process included.
    """
    from inspector.worker.conversing import at_once, in_own_loop

    with opened(model, inputs, opening, in_threads=False) as (client, recipe):

        async def conversation() -> T:
            try:
                await client.start()
                return await talk(client, recipe)
            finally:
                await client.close()

        waits = getattr(client, "in_threads", True)
        try:
            return in_own_loop(conversation()) if waits else at_once(conversation())
        except ModelEndedError as problem:
            raise RequestError(str(problem)) from problem
        except RequestCancelledError:
            raise KeyboardInterrupt from None


@contextlib.contextmanager
def opened(model: Model, inputs: Sequence[Any], opening: Opening, in_threads: bool) -> Iterator[tuple[Client, Recipe]]:
    """A client for the model, not started yet, and the recipe to open with; `in_threads` for the interface.

    Raises RequestError for what is no model, and where inputs do not reach it.
    """
    _refuse_other_arguments(opening)
    if isinstance(model, str | os.PathLike):
        with _named(os.fspath(model), inputs, opening, in_threads) as client_and_recipe:
            yield client_and_recipe
        return
    _refuse_no_module(model)
    asked = [name for name in opening if name not in ("kwargs", "seed")]
    if asked:
        raise RequestError(f"{asked[0]}= is for a TARGET; this model is alive, so do it to the object first")
    from inspector.worker.given_inputs import held_specs
    from inspector.worker.live_client import LiveClient

    client = LiveClient(model, in_threads)
    try:
        recipe = Recipe(
            target=live_target(type(model).__name__),
            training=bool(model.training),
            seed=opening.get("seed", 0),
            inputs=held_specs(client, inputs, opening.get("kwargs") or {}),
        )
        _refuse_undecoded(recipe)
        yield client, recipe
    finally:
        client.let_go()


@contextlib.contextmanager
def _named(target: str, inputs: Sequence[Any], opening: Opening, in_threads: bool) -> Iterator[tuple[Client, Recipe]]:
    from inspector.worker.given_inputs import FOLDER_OF_GIVEN, written_specs
    from inspector.worker.opening import client_for

    parse_arguments(opening.get("args", ""))
    weights = opening.get("weights")
    with tempfile.TemporaryDirectory(prefix=FOLDER_OF_GIVEN) as folder:
        recipe = Recipe(
            target=target,
            weights=None if weights is None else os.fspath(weights),
            arguments=opening.get("args", ""),
            device=opening.get("device"),
            training=opening.get("train", False),
            seed=opening.get("seed", 0),
            inputs=written_specs(inputs, opening.get("kwargs") or {}, Path(folder)),
        )
        _refuse_undecoded(recipe)
        yield client_for(recipe, for_commands=not in_threads), recipe


_KINDS: dict[str, tuple[type, str]] = {
    "kwargs": (Mapping, "a dictionary of what forward takes by name, {'mask': mask}"),
    "seed": (int, f"a whole number from {SMALLEST_SEED} to {LARGEST_SEED}"),
    "weights": (str | os.PathLike, "the path of a file"),  # type: ignore[dict-item]  # isinstance takes it
    "args": (str, "a text, as after --args: 'num_classes=7'"),
    "device": (str, "a text such as 'cuda:0'"),
    "train": (bool, "True or False"),
}
_MAY_BE_NONE = ("kwargs", "weights", "device")


def _refuse_other_arguments(opening: Opening) -> None:
    for name, given in opening.items():
        if name not in _KINDS:
            raise RequestError(f"there is no argument {name}=; how a model is opened is said by {', '.join(_KINDS)}")
        kind, meant = _KINDS[name]
        fits = isinstance(given, kind) or (given is None and name in _MAY_BE_NONE)
        if not fits or (isinstance(given, int) and not SMALLEST_SEED <= given <= LARGEST_SEED):
            raise RequestError(f"{name}= is to be {meant}; given was {shortened(repr(given))}")
    strange = [name for name in opening.get("kwargs") or {} if not isinstance(name, str)]
    if strange:
        raise RequestError(f"kwargs= has {strange[0]!r} for a name; forward takes by name what has a text for one")


def _refuse_undecoded(recipe: Recipe) -> None:
    """Bytes that are no text come as lone surrogates, which no message takes."""
    try:
        msgspec.json.encode(recipe)
    except UnicodeEncodeError as problem:
        what = shortened(ascii(problem.object))
        raise RequestError(f"{what} is not text; write it, or rename the file, without those bytes") from None


def _refuse_no_module(model: object) -> None:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return
    if isinstance(model, type):
        raise RequestError(f"{model.__name__} is a class, not a model: give an object, {model.__name__}(…)")
    raise RequestError(
        f"{type(model).__name__} is no model: give a torch.nn.Module, or a TARGET such as 'model.py:Net'"
    )
