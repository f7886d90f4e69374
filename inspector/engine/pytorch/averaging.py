"""The mean of what a row puts out, channel by channel: the same whatever comes in at which sample and position."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from inspector.engine.pytorch.calls import CallRecord, calls_of
from inspector.engine.pytorch.nested import tensors_in, with_tensors

_CHANNELS_SECOND = (_ConvNd, _NormBase, nn.GroupNorm)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention, nn.RNNBase)


def averaged(output: Any, call: CallRecord) -> Any:
    """The output with each tensor of floating point replaced by its means over the batch and all positions."""
    second = _has_channels_second(call)
    return with_tensors(output, lambda tensor: _means(tensor, second) if _has_mean(tensor) else tensor)


def can_be_averaged(output: Any) -> bool:
    """Whether it has a tensor with a mean."""
    return any(_has_mean(tensor) for tensor in tensors_in(output))


def _has_mean(tensor: torch.Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and not tensor.is_nested and tensor.numel() > 0


def _means(tensor: torch.Tensor, channels_second: bool) -> torch.Tensor:
    channels = 1 if tensor.dim() != 3 or channels_second else 2
    others = [axis for axis in range(tensor.dim()) if axis != channels]
    wide = tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64)
    means = wide.mean(others, keepdim=True) if others else wide
    return means.to(tensor.dtype).expand_as(tensor).contiguous()


def _has_channels_second(call: CallRecord) -> bool:
    """Of three axes: those of sequences have their channels last, those of one-dimensional convolutions second.

    The last layer inside of either kind tells.
    """
    for made in (call, *reversed(list(calls_of(call))[1:])):
        if made.module is None and made.type.rstrip("_").endswith(("1d", "batch_norm", "group_norm", "instance_norm")):
            return True
        if isinstance(made.module, _CHANNELS_SECOND):
            return True
        if isinstance(made.module, _CHANNELS_LAST):
            return False
    return False
