"""Where a function call of a pass stands: its name as the source writes it, the module that is running, the line."""

import sys
from dataclasses import dataclass
from typing import Any

import torch

from inspector.core.table import Source
from inspector.engine.pytorch.function_names import called_name
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.source_lines import line_of, user_frame


@dataclass(frozen=True)
class CallPlace:
    """Where a call was made."""

    operation: str
    """As the source writes it: ``x.detach``, ``torch.argmax``."""
    path: str
    """Of the module whose forward makes the call."""
    source: Source | None


def place_of_call(func: Any, recorder: Recorder) -> CallPlace:
    """The place of the call that a recorder's pass is making."""
    frame = user_frame(sys._getframe(1))
    running = recorder.running
    source = line_of(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
    written = called_name(func, frame) if frame is not None else None
    return CallPlace(written or _name(func), running.path if running is not None else "", source)


def _name(func: Any) -> str:
    name = getattr(func, "__name__", "")
    if name == "__get__":
        return f"x.{getattr(getattr(func, '__self__', None), '__name__', 'data')}"
    return f"x.{name}" if hasattr(torch.Tensor, name) else name
