"""Where values that are not finite come from: one way of telling it for both engines."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch

from inspector.core.table import Source
from inspector.core.wording import number

Kind = Literal["NaN", "Inf", "−Inf"]


class State(NamedTuple):
    """Which values that are not finite a tensor holds."""

    nan: bool = False
    above: bool = False
    below: bool = False

    @property
    def finite(self) -> bool:
        """Whether it holds none."""
        return not (self.nan or self.above or self.below)

    @property
    def infinite(self) -> bool:
        """Whether it holds an infinity of either sign."""
        return self.above or self.below


FINITE = State()


@dataclass(frozen=True)
class Origin:
    """An operation that takes finite values and makes others."""

    direction: Literal["forward", "backward"]
    kind: Kind
    path: str
    type: str
    source: Source | None
    taken: str
    """What it took, in words."""
    reached: bool
    """Whether they reach an output, or the gradient of a parameter."""
    probe: str
    """On which input, in words."""
    unlikely: bool = False
    """The input is a special one, or one that the model may never be given."""


@dataclass(frozen=True)
class Origins:
    """What several passes found, the first first, each place once."""

    found: list[Origin]
    probes: list[str]


@dataclass
class Trail:
    """One origin while it is followed."""

    kind: Kind
    at: int
    """Number of the operation."""
    harmful: bool
    """−Inf alone is none, as before a softmax, until it makes something else."""


@dataclass
class Contagion:
    """Follows values that are not finite from operation to operation; those that were written down are meant."""

    trails: list[Trail] = field(default_factory=list)
    carriers: dict[Hashable, Trail | None] = field(default_factory=dict)
    """Who holds such values, and from where; None where they are meant, or the model's own."""

    def pass_on(
        self,
        at: int,
        taken: Iterable[tuple[Hashable, State]],
        made: Iterable[tuple[Hashable, State]],
        meant: bool,
    ) -> Trail | None:
        """Take note of an operation; the trail that begins with it, if one does.

        `meant` says that it was given such a value as a number, or makes a tensor from nothing.
        """
        bad = [(key, state) for key, state in made if not state.finite]
        if not bad:
            return None
        taken = [(key, state) for key, state in taken if not state.finite]
        nan = any(state.nan for _, state in bad)
        above = any(state.above for _, state in bad)
        trail = next((found for key, _ in taken if (found := self.carriers.get(key)) is not None), None)
        begins = False
        if trail is not None:
            trail.harmful |= nan or above
        elif nan and not any(state.nan for _, state in taken) and not (meant and not taken):
            trail, begins = Trail("NaN", at, True), True
        elif not nan and not meant and not taken:
            trail, begins = Trail("Inf" if above else "−Inf", at, above), True
        for key, _ in bad:
            self.carriers[key] = trail
        if trail is not None and begins:
            self.trails.append(trail)
            return trail
        return None

    def reach(self, outputs: Iterable[Hashable]) -> list[Trail]:
        """The trails that end in outputs."""
        found = [self.carriers.get(key) for key in outputs]
        return [trail for trail in self.trails if any(one is trail for one in found)]


def state_of(tensor: torch.Tensor) -> State:
    """What a tensor holds that is not finite; nothing where it holds no numbers of that kind."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.numel() or tensor.is_meta:
        return FINITE
    if tensor.layout != torch.strided or tensor.is_quantized:
        return FINITE
    values = tensor.detach()
    values = values.abs() if values.is_complex() else values.float() if values.element_size() < 4 else values
    # It passes NaN on and shows Inf: one cheap pass.
    low, high = (float(edge) for edge in values.aminmax())
    if low == low and high == high:
        return State(False, high == float("inf"), low == float("-inf"))
    return State(True, bool((values == float("inf")).any()), bool((values == float("-inf")).any()))


def range_of(tensor: torch.Tensor) -> str:
    """The smallest and the largest of its finite values, in words."""
    values = tensor.detach()
    values = values.abs() if values.is_complex() else values
    values = values[values.isfinite()]
    if not values.numel():
        return "none finite"
    if bool((values == 0).all()):
        return "all 0"
    text = f"{number(float(values.min()))} to {number(float(values.max()))}"
    zeros = int((values == 0).sum())
    return f"{text}, {zeros:,} of them 0" if zeros else text
