"""All rules, by id: importing this registers every family."""

from inspector.checks import (
    batches,
    files,
    geometry,
    gradient_scale,
    heads,
    indices,
    initialisation,
    loading,
    nonfinite,
    norms,
    placing,
    reshapes,
    signals,
    still_default,
    weights,
)
from inspector.checks.rules import RULES

__all__ = ["OF_VALUES", "RULES"]

FAMILIES = (
    batches,
    files,
    geometry,
    gradient_scale,
    heads,
    indices,
    initialisation,
    loading,
    nonfinite,
    norms,
    placing,
    reshapes,
    signals,
    still_default,
    weights,
)
"""Each a module of rules about one kind of defect."""
OF_VALUES = {weights.NONFINITE_WEIGHTS.id, weights.DEGENERATE_INIT.id, still_default.STILL_DEFAULT.id}
"""Those that need the values of every tensor."""
