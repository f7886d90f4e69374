"""Activations whose values crowd at their bounds where the input is too large: there the gradient vanishes."""

from typing import Any

from inspector.engine.counting import Bounds

_BOUNDS: dict[str, Bounds] = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}


def bounds_of(type_: str, module: Any = None) -> Bounds | None:
    """By the last part of the type of a row; those of a module of torch itself, or of a function. None for the rest."""
    if module is not None and not type(module).__module__.startswith("torch.nn."):
        return None
    name = type_.rpartition(".")[2].rstrip("_").lower()
    if name == "hardtanh" and module is not None:
        return float(module.min_val), float(module.max_val)
    return _BOUNDS.get(name)
