"""All rules, by id: importing this registers every family."""

from inspector.checks import (
    batches,
    changes,
    failing,
    files,
    freezing,
    geometry,
    gradient_scale,
    gradients,
    heads,
    indices,
    initialisation,
    loading,
    nonfinite,
    norms,
    placing,
    registration,
    reshapes,
    signals,
    still_default,
    ties,
    weights,
)
from inspector.checks.rules import RULES

__all__ = ["OF_FILES", "OF_VALUES", "RULES"]

FAMILIES = (
    batches,
    changes,
    failing,
    files,
    freezing,
    geometry,
    gradient_scale,
    gradients,
    heads,
    indices,
    initialisation,
    loading,
    nonfinite,
    norms,
    placing,
    registration,
    reshapes,
    signals,
    still_default,
    ties,
    weights,
)
"""Each a module of rules about one kind of defect."""
OF_VALUES = {weights.NONFINITE_WEIGHTS.id, weights.DEGENERATE_INIT.id, still_default.STILL_DEFAULT.id}
"""Those that need the values of every tensor."""
OF_FILES = OF_VALUES | {files.DAMAGED_CHECKPOINT.id, files.UNSAFE_GLOBALS.id, loading.CHECKPOINT_MISMATCH.id}
"""Those that look at a file; the others need a live model, and torch."""
