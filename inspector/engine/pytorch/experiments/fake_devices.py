"""Tensors that seem to lie on a GPU where there is none: the one place that leans on torch's private fake tensors."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.errors import RequestError
from inspector.engine.pytorch.mixed_dtypes import TAKE_ONE_DTYPE
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.pytorch.op_calls import canonical_name

GPU = "cuda"
_LACKING = ("not linked with support", "not compiled with CUDA")


class Pretence:
    """Makes tensors without values that say that they lie on a GPU."""

    def __init__(self, mode: Any) -> None:
        self._mode = mode

    def on_gpu(self, tensor: torch.Tensor) -> torch.Tensor:
        """A stand-in: same shape, strides and dtype."""
        with self._mode:
            made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=GPU)
        return nn.Parameter(made, requires_grad=False) if isinstance(tensor, nn.Parameter) else made


@contextmanager
def pretending() -> Iterator[Pretence]:
    """While entered, tensors are fake. Raises RequestError where this torch has no such mode, or another one."""
    kind = _mode_class()
    if kind is None:
        raise RequestError(
            f"torch {torch.__version__} has no fake tensors, with which a GPU is tried where there is none"
        )
    with ExitStack() as stack:
        try:
            mode = kind(allow_non_fake_inputs=True)
        except TypeError as problem:
            raise RequestError(f"the fake tensors of torch {torch.__version__} are made in another way") from problem
        # It logs what fails, which is what is asked for here.
        log = logging.getLogger("torch._subclasses.fake_tensor")
        stack.callback(setattr, log, "disabled", log.disabled)
        log.disabled = True
        stack.enter_context(torch.no_grad())
        stack.enter_context(_WithoutGradients())
        stack.enter_context(mode)
        yield Pretence(mode)


def is_mismatch(problem: BaseException) -> bool:
    """Whether operands lay on several devices."""
    return type(problem).__name__ == "FakeTensorDeviceMismatchError" or any(
        words in str(problem)
        for words in ("two different devices", "on the same device", "Unhandled FakeTensor Device")
    )


class _WithoutGradients(TorchFunctionMode):
    """Gradients stay off: torch without support for GPUs ends the process where it makes a graph for such a tensor."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") == "_set_grad_enabled":
            args, kwargs = (False,), {}
        if getattr(func, "__name__", "") == "requires_grad_":
            return args[0]
        if canonical_name(func) in TAKE_ONE_DTYPE:
            # The stand-ins of some fused kernels do not look at the devices of what they are given.
            devices = sorted({str(tensor.device) for tensor in tensors_in((args, kwargs or {})) if tensor.ndim})
            if len(devices) > 1:
                name = canonical_name(func)
                raise RuntimeError(f"{name}: expected all tensors to be on the same device, found {devices}")
        try:
            return func(*args, **(kwargs or {}))
        except (RuntimeError, AssertionError) as problem:
            if not any(words in str(problem) for words in _LACKING):
                raise
            return _as_on_cpu(func, args, kwargs or {})


def _as_on_cpu(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a fused kernel that this build lacks would return: its shapes are those of the CPU's."""
    devices = {tensor.device for tensor in tensors_in((args, kwargs)) if tensor.ndim}

    def on(device: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda tensor: torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)

    there_args, there_kwargs = with_tensors((args, kwargs), on("cpu"))
    made = func(*there_args, **there_kwargs)
    return with_tensors(made, on(devices.pop())) if len(devices) == 1 else made


def _mode_class() -> Any:
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode
    except ImportError:
        return None
    return FakeTensorMode
