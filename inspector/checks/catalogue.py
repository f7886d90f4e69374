"""All rules, by id: importing this registers every family."""

from inspector.checks import files, loading, still_default, weights  # noqa: F401 - registers their rules
from inspector.checks.rules import RULES

__all__ = ["RULES"]
