"""The lines of the user's code at which a module or a tensor can be spoken of: where it is made, and its class."""

import inspect

from torch import nn

from inspector.core.table import Source
from inspector.engine.pytorch.places import child_module
from inspector.engine.pytorch.registering_lines import registering_source
from inspector.engine.pytorch.source_lines import is_user_file, line_of


def lines_about(model: nn.Module, path: str) -> list[Source]:
    """The line that registers what is at `path`, a module or a tensor, and the ``class`` line of its module.

    Where it is part of a container of torch's own, those of the nearest module whose class the user wrote.
    """
    steps = [part for part in path.split(".") if part]
    chain: list[tuple[nn.Module, str]] = []
    module = model
    for name in steps:
        chain.append((module, name))
        child = child_module(module, name)
        if not isinstance(child, nn.Module):
            break
        module = child
    holders = [*chain, (module, "")] if len(chain) < len(steps) or not chain or module is not chain[-1][0] else chain
    lines: list[Source] = []
    for holder, name in reversed(holders):
        source = registering_source(type(holder), name) if name else None
        if source is not None:
            lines.append(source)
            break
    for holder, _ in reversed(holders):
        source = class_line(type(holder))
        if source is not None:
            return [*lines, source]
    return lines


def class_line(cls: type) -> Source | None:
    """The line with ``class Name`` of a class that the user wrote."""
    try:
        file = inspect.getsourcefile(cls)
        if file is None or not is_user_file(file):
            return None
        lines, first = inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return None
    at = next((number for number, line in enumerate(lines) if line.lstrip().startswith("class ")), 0)
    return line_of(file, first + at)
