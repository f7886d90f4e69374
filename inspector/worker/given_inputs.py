"""Arguments of a Python call as specs: held in this process for a live object, in files for a worker's model."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec, parse_input

if TYPE_CHECKING:
    from inspector.worker.live_client import LiveClient

FOLDER_OF_GIVEN = "nninspect-given-"
"""How the name of the folder begins that `written_specs` writes into, and that goes when the caller goes on."""
PLAIN = (bool, int, float, str, type(None), list, tuple, dict)


def held_specs(client: "LiveClient", inputs: Sequence[Any], named: Mapping[str, Any]) -> list[InputSpec]:
    """Of a live object: each argument as it is; a text given by position is a spec such as ``1x3x224x224``."""
    specs = [parse_input(one) if isinstance(one, str) else client.hold(one) for one in inputs]
    return [*specs, *(client.hold(value, name) for name, value in named.items())]


def written_specs(inputs: Sequence[Any], named: Mapping[str, Any], folder: Path) -> list[InputSpec]:
    """Of a model in another process: tensors and arrays by files in `folder`, which is to outlive the worker.

    Raises RequestError for what neither is one nor reads as a Python literal.
    """
    given = [*(("", one) for one in inputs), *named.items()]
    return [
        parse_input(value) if isinstance(value, str) and not name else _written(number, name, value, folder)
        for number, (name, value) in enumerate(given, 1)
    ]


def is_passing(spec: InputSpec) -> bool:
    """Whether the input lies in a file that `written_specs` wrote, which nobody can open later."""
    return spec.file is not None and Path(spec.file).parent.name.startswith(FOLDER_OF_GIVEN)


def _written(number: int, name: str, value: Any, folder: Path) -> InputSpec:
    if isinstance(value, PLAIN) and _is_literal(value):
        return InputSpec(name=name, value=repr(value))
    from inspector.engine.input_files import write_input

    file = folder / f"input-{number}.pt"
    if write_input(value, file):
        return InputSpec(name=name, file=str(file))
    raise RequestError(
        f"{name or f'input {number}'} is a {type(value).__name__}, which cannot be sent to a model in "
        "another process; give tensors, arrays or literals, or open the model yourself and give the object"
    )


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
