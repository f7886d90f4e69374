"""Changes of what a row puts out, made on its tensors."""

from collections.abc import Callable
from typing import Any

import torch

from inspector.core.errors import RequestError
from inspector.core.output_changes import OutputChange
from inspector.core.wording import shape
from inspector.engine.changing import changed_tensors
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.nested import tensors_in, with_tensors


def changed_output(output: Any, change: OutputChange, evaluate: Callable[[str], Any], other: Callable[[], Any]) -> Any:
    """The output with a change made; see `inspector.engine.changing`.

    `evaluate` gives the value of an expression, `other` the same row's output in another run. Raises RequestError where
    the change does not fit.
    """
    if change.kind == "expression":
        return evaluate(change.argument)
    changed = iter(changed_tensors(list(tensors_in(output)), change, lambda: list(tensors_in(other()))))
    return with_tensors(output, lambda _: next(changed))


def written_into(call: CallRecord, args: tuple[Any, ...], output: Any) -> torch.Tensor | None:
    """The tensor that an in-place function wrote into: changing what it returns would change nothing."""
    if not call.is_function or not call.type.endswith(("_", "=")) or not args:
        return None
    first = args[0]
    return first if isinstance(first, torch.Tensor) and (output is None or output is first) else None


def write_into(target: torch.Tensor, value: Any) -> None:
    """Make the change of an in-place function where others see it: in the tensor that it wrote into.

    Raises RequestError where the value does not fit there.
    """
    try:
        with torch.no_grad():
            target.copy_(value)
    except (RuntimeError, TypeError) as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise RequestError(f"the row writes into a tensor of {shape(list(target.shape))}: {reason}") from None
