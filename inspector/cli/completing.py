"""What the shell is told after tab: each function completes one kind of argument. Nothing is imported or run for it."""

import ast
import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from inspector.core.errors import RequestError

Items = list[CompletionItem]


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Paths, which the shell completes by itself."""
    return [CompletionItem(incomplete, type="file")]


def targets(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Paths; after ``model.py:`` the classes in that file."""
    file, colon, _ = incomplete.rpartition(":")
    if not colon or not file.endswith(".py"):
        return files(context, parameter, incomplete)
    return _beginning(incomplete, (f"{file}:{name}" for name in classes_in(Path(file))))


def checkpoint_keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Keys that the file of weights among the arguments declares."""
    from inspector.core.recipe import parse_target
    from inspector.files import open_catalog

    target, weights = context.params.get("target"), context.params.get("weights")
    file = weights or target
    try:
        if file is None or (weights is None and parse_target(file).kind != "weights"):
            return []
        given = context.params.get(parameter.name or "") or ()
        return _beginning(incomplete, (one.key for one in open_catalog(file).tensors if one.key not in given))
    except (RequestError, OSError):
        return []


def rules(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Ids of rules with their names; of several, separated by commas, the last."""
    from inspector.checks.catalogue import RULES

    before, comma, last = incomplete.rpartition(",")
    chosen = [rule for rule in RULES.values() if rule.id.startswith(last.upper())]
    return [CompletionItem(f"{before}{comma}{rule.id}", help=rule.name) for rule in chosen]


def classes_in(file: Path) -> list[str]:
    """The classes that a Python file defines, in order, read without running it; none of a file that does not parse."""
    try:
        tree = ast.parse(Path(os.path.expanduser(file)).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def _beginning(incomplete: str, values: Iterable[str]) -> Items:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
