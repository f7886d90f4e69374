"""The registry of ONNX operators that the field pass can read."""

from collections.abc import Callable

from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.node_view import NodeView

Reader = Callable[[NodeView], Fields]
READERS: dict[str, Reader] = {}


def reads(operators: str) -> Callable[[Reader], Reader]:
    """Register the reader of operators, separated by spaces; it gives one field for each named output."""

    def register(reader: Reader) -> Reader:
        for operator in operators.split():
            READERS[operator] = reader
        return reader

    return register
