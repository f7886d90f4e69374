"""Calling the user's model: the one place through which every pass goes."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

LEAVING = threading.Lock()
"""A pass ends while nobody has this."""
Arguments = tuple[list[Any], dict[str, Any]]
"""Positional and named inputs: tensors, structures of them, and plain values."""


def call_model(model: nn.Module, arguments: Arguments) -> Any:
    """The model's output. What ``torch.compile`` wraps runs eagerly: the compiler cannot see through a recorded pass.

    Raises whatever the model raises.
    """
    try:
        with _eagerly():
            return model(*arguments[0], **arguments[1])
    finally:
        # Who looks whether a pass runs keeps it here until what follows from that is done.
        with LEAVING:
            pass


@contextlib.contextmanager
def gradients_as_usual() -> Iterator[None]:
    """Leave a ``no_grad`` or ``inference_mode`` that the caller's program is in; passes decide for themselves."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextlib.contextmanager
def looked_through(modules: list[nn.Module]) -> Iterator[None]:
    """DataParallel calls its module itself instead of copies of it on several devices. Inside `untouched`."""
    for module in modules:
        if isinstance(module, nn.DataParallel):
            module.__dict__["device_ids"] = []
    yield


def _eagerly() -> contextlib.AbstractContextManager[None]:
    # The compiler takes a second to import; where nobody has, nothing is compiled.
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]  # torch leaves it unannotated
