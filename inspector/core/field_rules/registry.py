"""The registry: one short function for each kind of operation, from the inputs' fields to the outputs'."""

from collections.abc import Callable, Sequence
from typing import cast

from inspector.core.fields import Field, OpCall, TrackedInputs, unknown

Fields = list[Field | None]
Rule = Callable[[OpCall], Fields]

RULES: dict[str, Rule] = {}
SLIDING: set[str] = set()
"""Operations with a window that slides: the first one tells which input axes are spatial."""


def rule(*ops: str, sliding: bool = False) -> Callable[[Rule], Rule]:
    """Register the rule of one or several canonical operations."""

    def register(function: Rule) -> Rule:
        for op in ops:
            RULES[op] = function
            if sliding:
                SLIDING.add(op)
        return function

    return register


def apply(call: OpCall, inputs: TrackedInputs | None = None) -> Fields:
    """The fields of a call's outputs, one for each output shape.

    With `inputs`, a sliding window settles which axes of the inputs are spatial. An operation without a rule makes
    everything it touches unknown, by the operation's name.
    """
    fields = [field for _, field in call.inputs]
    if all(field is None for field in fields):
        return [None] * len(call.output_shapes)
    known = RULES.get(call.op)
    if known is None:
        return [unknown(fields, str(call.settings.get("name", call.op)))] * len(call.output_shapes)
    if inputs is not None and call.op in SLIDING:
        inputs.meet_window(fields[0], sliding_dims(call))
    return known(call)


def sliding_dims(call: OpCall) -> list[int]:
    """The dimensions of the first input along which a call's window slides: setting "dim", or the last "axes" ones."""
    rank = len(call.inputs[0][0])
    if "dim" in call.settings:
        return [integer(call, "dim") % rank]
    count = integer(call, "axes", rank - 2)
    return list(range(rank - count, rank))


def integers(call: OpCall, name: str) -> list[int]:
    """A setting that is one integer for each windowed dimension."""
    return list(cast(Sequence[int], call.settings[name]))


def integer(call: OpCall, name: str, default: int = 0) -> int:
    """A setting that is one integer."""
    return cast(int, call.settings.get(name, default))
