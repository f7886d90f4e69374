"""All rules, by id: importing this registers every family, each a module of rules about one kind of defect."""

from inspector.checks import (  # noqa: F401  # importing a family registers its rules
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
from inspector.checks.added import added_rules
from inspector.checks.rules import LOOKS, RULES

__all__ = ["NOT_ADDED", "OF_FILES", "OF_VALUES", "RULES"]

OF_VALUES = {weights.NONFINITE_WEIGHTS.id, weights.DEGENERATE_INIT.id, still_default.STILL_DEFAULT.id}
"""Those that need the values of every tensor."""
OF_FILES = OF_VALUES | {files.DAMAGED_CHECKPOINT.id, files.UNSAFE_GLOBALS.id, loading.CHECKPOINT_MISMATCH.id}
"""Those that look at a file; the others need a live model, and torch."""

_ADDED, NOT_ADDED = added_rules()
"""Rules of other distributions are applied as ours are; `NOT_ADDED` says which could not be taken, and why."""
for _one in _ADDED:
    RULES[_one.rule.id], LOOKS[_one.rule.id] = _one.rule, _one.look
    if _one.of_files:
        OF_FILES.add(_one.rule.id)
