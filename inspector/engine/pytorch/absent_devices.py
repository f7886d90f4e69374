"""Calls that ask for a device by name which this machine does not have."""

from typing import Any

import torch

from inspector.engine.pytorch.calls import FailedCall
from inspector.engine.pytorch.op_calls import canonical_name


def absent_device(call: FailedCall) -> str | None:
    """The type of the device that a call asks for in vain, as ``cuda``; None where it asks for none, or has it."""
    try:
        kind = _asked_for(call)
        there = kind in (None, "cpu", "meta") or torch.get_device_module(kind).is_available()
    except (RuntimeError, AttributeError):
        # No device of that name, or one of which torch does not know whether it is there.
        return None
    return None if there else kind


def _asked_for(call: FailedCall) -> str | None:
    name = canonical_name(call.func)
    if name == "cuda":
        return "cuda"
    given: Any = call.kwargs.get("device", call.args[1] if name == "to" and len(call.args) > 1 else None)
    return torch.device(given).type if isinstance(given, str | torch.device) else None
