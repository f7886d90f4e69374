"""All rules, by id: importing this registers every family."""

from inspector.checks import (
    changes,
    failing,
    files,
    freezing,
    gradients,
    loading,
    registration,
    still_default,
    ties,
    weights,
)
from inspector.checks.rules import RULES

__all__ = ["OF_VALUES", "RULES"]

FAMILIES = (changes, failing, files, freezing, gradients, loading, registration, still_default, ties, weights)
"""Each a module of rules about one kind of defect."""
OF_VALUES = {weights.NONFINITE_WEIGHTS.id, weights.DEGENERATE_INIT.id, still_default.STILL_DEFAULT.id}
"""Those that need the values of every tensor."""
