"""All rules, by id: importing this registers every family."""

from inspector.checks import weights  # noqa: F401 - registers its rules
from inspector.checks.rules import RULES

__all__ = ["RULES"]
