"""The registry of ONNX operators that the field pass can read."""

from collections.abc import Callable

from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.node_view import NodeView

Reader = Callable[[NodeView], Fields]
READERS: dict[str, Reader] = {}
"""By the operator as rows show it: with its domain where that is not ONNX's own."""


def reads(operators: str, domain: str = "") -> Callable[[Reader], Reader]:
    """Register the reader of operators, separated by spaces; it gives one field for each named output."""

    def register(reader: Reader) -> Reader:
        for operator in operators.split():
            READERS[f"{domain}.{operator}" if domain else operator] = reader
        return reader

    return register
