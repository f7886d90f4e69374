"""The receptive-field rules of other distributions, asked for operations that have none of ours."""

from functools import cache
from typing import Any, cast

from inspector.core.extensions import FIELD_RULES, Extension, extensions, said, tell
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, OpCall


def added_fields(call: OpCall) -> Fields | None:
    """The fields of a call's outputs by the rule that its name has; None where it has none, or that fails: it is told.

    An entry point has the operation's full name: ``acme::halve``, ``com.acme.Halve``. The call's `op` is that
    name, and its settings are "args" and "kwargs": the arguments that are no tensors, of an ONNX node its attributes.
    """
    one = _by_name().get(call.op)
    if one is None or one.problem:
        return None
    try:
        return _told(one, call)
    except _UnusableError as problem:
        # From now on; what it gave before stays.
        left_out = _by_name()[one.name] = one.left_out(str(problem))
        tell(left_out.problem)
        return None


class _UnusableError(Exception):
    """Why a rule cannot be used."""


def _told(one: Extension, call: OpCall) -> Fields:
    if not callable(one.value):
        raise _UnusableError("it is no function of an inspector.core.fields.OpCall")
    try:
        fields: Any = one.value(call)
    except Exception as problem:
        raise _UnusableError(f"it fails with {said(problem)}") from problem
    right = isinstance(fields, list) and all(field is None or isinstance(field, Field) for field in fields)
    if not right or len(fields) != len(call.output_shapes):
        raise _UnusableError("it does not give a list with a field or None for each output")
    return cast(Fields, fields)


@cache
def _by_name() -> dict[str, Extension]:
    named = extensions(FIELD_RULES)
    for one in named:
        if one.problem:
            tell(one.problem)
    return {one.name: one for one in reversed(named)}
