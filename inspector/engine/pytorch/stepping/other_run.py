"""What every row puts out in another run, to be put in its place in this one."""

from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.repeated_calls import is_transforming
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.stepping.call_numbers import CallNumbers, RowKey, key_of

MOST_BYTES = 1 << 30
"""Of outputs that are kept; of the rows that come when there is more, nothing is."""


def outputs_of_rows(model: nn.Module, arguments: Arguments, seed: int, progress: Progress) -> dict[RowKey, Any]:
    """Run the model once and keep copies of what its rows put out; it is as before afterwards.

    Raises RequestError where it does not run.
    """
    keeping = _Keeping(progress)
    try:
        real_pass(model, arguments, Recorder(model, stepper=keeping), seed)
    except NO_FAILURES:
        raise
    except Exception as problem:
        raise RequestError(f"the other run fails: {first_line(problem)}; choose another input for it") from problem
    return keeping.outputs


def output_in(outputs: dict[RowKey, Any] | None, row: RowKey) -> Any:
    """What a row put out. Raises RequestError where there was no other run, or it did not come to the row."""
    if outputs is None:
        raise RequestError("there is no other run to take an output from; name its seed or its input at the start")
    if row not in outputs:
        kept = f"or came to it after {MOST_BYTES >> 30} GiB were kept"
        raise RequestError(f"the other run did not come to {row[0] or 'model'} {row[1]}".rstrip() + f", {kept}")
    return outputs[row]


class _Keeping:
    """A stepper that changes nothing; see `inspector.engine.pytorch.recording.Stepper`."""

    def __init__(self, progress: Progress) -> None:
        self.outputs: dict[RowKey, Any] = {}
        self._numbers = CallNumbers()
        self._progress = progress
        self._bytes = 0

    def before(self, call: CallRecord, depth: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
        self._numbers.begin(call)
        return args, kwargs

    def after(self, call: CallRecord, depth: int, args: Any, kwargs: Any, output: Any) -> Any:
        number = self._numbers.end(call)
        self._progress(len(self.outputs), None, f"the other run: {call.place or 'model'} {call.type}")
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors_in(output))
        if not is_transforming() and self._bytes + size <= MOST_BYTES:
            self._bytes += size
            # Copies, because a later call may write into what an earlier one put out.
            self.outputs[key_of(call, number)] = with_tensors(output, _copy)
        return output


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()
