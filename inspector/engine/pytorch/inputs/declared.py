"""Inputs that a model declares, in itself or in its source. Not believed until a pass has borne them out."""

from dataclasses import dataclass

import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.repairing import Guess

MOST_EXAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class Example:
    """An input, and where it is declared."""

    guess: Guess
    where: str


def declared_examples(model: nn.Module, target: str, batch: int) -> list[Example]:
    """Likely ones first."""
    found: list[Example] = []
    names = [each.name for each in required_parameters(model)]
    for specs, where in _of_attributes(model):
        made = _named(specs, names)
        if made is not None:
            found.append(Example(guess=made, where=where))
    return found[:MOST_EXAMPLES]


def _named(specs: list[InputSpec], names: list[str]) -> Guess | None:
    if len([spec for spec in specs if not spec.name]) > len(names):
        return None
    free = iter(names)
    return tuple(spec if spec.name else replace(spec, name=next(free)) for spec in specs)


def _of_attributes(model: nn.Module) -> list[tuple[list[InputSpec], str]]:
    """`example_input_array` (Lightning) or `dummy_inputs` (Hugging Face), where they hold tensors."""
    found = []
    for attribute in ("example_input_array", "dummy_inputs"):
        try:
            value = getattr(model, attribute, None)
        except Exception:
            continue
        named = value.items() if isinstance(value, dict) else None
        values = [("", value)] if isinstance(value, torch.Tensor) else list(named or [])
        if isinstance(value, tuple | list):
            values = [("", part) for part in value]
        if values and all(isinstance(tensor, torch.Tensor) for _, tensor in values):
            found.append(([spec_of(name, tensor) for name, tensor in values], f"its {attribute}"))
    return found


def spec_of(name: str, tensor: torch.Tensor) -> InputSpec:
    """The spec of inputs like a tensor."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta or dtype == "bool":
        return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype)
    low, high = float(tensor.min()), float(tensor.max()) + 1
    return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype, distribution="range", low=low, high=high)
