"""Arguments of a Python call as specs: held in this process for a live object, in files for a worker's model."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec, parse_input
from inspector.worker.live_client import LiveClient

PLAIN = (bool, int, float, str, type(None), list, tuple, dict)


def held_specs(client: LiveClient, inputs: Sequence[Any], named: Mapping[str, Any]) -> list[InputSpec]:
    """Of a live object: each argument as it is; a text given by position is a spec such as ``1x3x224x224``."""
    specs = [parse_input(one) if isinstance(one, str) else client.hold(one) for one in inputs]
    return [*specs, *(client.hold(value, name) for name, value in named.items())]


def written_specs(inputs: Sequence[Any], named: Mapping[str, Any], folder: Path) -> list[InputSpec]:
    """Of a model in another process: tensors and arrays by files in `folder`, which is to outlive the worker.

    Raises RequestError for what neither is one nor reads as a Python literal.
    """
    specs = [parse_input(one) if isinstance(one, str) else None for one in inputs]
    given = _written("", inputs, folder)
    named_specs = (spec for name, value in named.items() for spec in _written(name, [value], folder))
    return [*(spec or made for spec, made in zip(specs, given, strict=True)), *named_specs]


def _written(name: str, values: Sequence[Any], folder: Path) -> Iterator[InputSpec]:
    from inspector.engine.input_files import write_input

    for place, value in enumerate(values):
        file = folder / f"{name or 'input'}-{place}.pt"
        if isinstance(value, PLAIN) and _is_literal(value):
            yield InputSpec(name=name, value=repr(value))
        elif write_input(value, file):
            yield InputSpec(name=name, file=str(file))
        else:
            raise RequestError(
                f"{name or f'input {place + 1}'} is a {type(value).__name__}, which cannot be sent to a model in "
                "another process; give tensors, arrays or literals, or open the model yourself and give the object"
            )


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
