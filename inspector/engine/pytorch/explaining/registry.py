"""The registry of explanations: one short function for each kind of failure, tried in the order in which they stand.

A rule says for which calls it is meant: by torch's names for functions, by the class of torch's own layer whose forward
raised, or by the class of the exception. It looks at the failed call itself, never at the text of a message, and
returns None where the failure is of another kind.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from inspector.core.table import Fix

if TYPE_CHECKING:
    from inspector.engine.pytorch.explaining.scene import Scene

ELEMENTWISE = (
    "add sub mul div iadd radd isub rsub imul rmul idiv rdiv truediv rtruediv itruediv true_divide "
    "maximum minimum where pow eq lt gt le ge ne lerp addcmul mse_loss and or masked_fill"
)
"""Functions whose operands are broadcast."""


@dataclass(frozen=True)
class Explained:
    """Why a call failed, with its numbers, and ways to make it run, the likeliest first."""

    why: str
    fixes: Sequence[Fix | None] = ()
    """None stands for one that could not be written."""


Rule = Callable[["Scene"], Explained | None]
Kind = str | type[nn.Module] | type[BaseException]


@dataclass(frozen=True)
class _Entry:
    kinds: tuple[Kind, ...]
    parameters: tuple[str, ...]
    rule: Rule


_ENTRIES: list[_Entry] = []


def explains(*kinds: Kind, signature: str = "") -> Callable[[Rule], Rule]:
    """Register a rule for these kinds of calls, all of torch's functions where none is named.

    Names of functions may stand in one string.

    `signature` names the function's arguments in their order: the rule finds them in ``scene.arguments``.
    """

    def register(rule: Rule) -> Rule:
        spread = [name for kind in kinds for name in (kind.split() if isinstance(kind, str) else [kind])]
        _ENTRIES.append(_Entry(tuple(spread), tuple(signature.split()), rule))
        return rule

    return register


def rules_for(scene: "Scene") -> Iterator[tuple[Rule, dict[str, Any]]]:
    """The rules meant for a failed call, each with the arguments that it names."""
    for entry in _ENTRIES:
        if any(_is_meant(kind, scene) for kind in entry.kinds) or (not entry.kinds and scene.call is not None):
            yield entry.rule, _bound(entry.parameters, scene)


def _is_meant(kind: Kind, scene: "Scene") -> bool:
    if isinstance(kind, str):
        return scene.name == kind
    if issubclass(kind, BaseException):
        return scene.call is None and isinstance(scene.problem, kind)
    return isinstance(scene.layer, kind)


def _bound(parameters: tuple[str, ...], scene: "Scene") -> dict[str, Any]:
    if scene.call is None:
        return {}
    arguments = dict(zip(parameters, scene.call.args, strict=False))
    return {**arguments, **scene.call.kwargs}
