"""Receptive fields along a pickled ``Sequential``: the one kind of model whose order of layers is in the file.

Source of the arithmetic: Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill,
2019.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from inspector.core.table import ReceptiveField
from inspector.files.catalog import CatalogModule
from inspector.files.layer_formulas import convolution_window, numbers, pooling_window

_SEQUENTIAL = "torch.nn.modules.container.Sequential"
_POINTWISE = {
    "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm",
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Sigmoid",
    "LogSigmoid", "Tanh", "Tanhshrink", "Hardtanh", "Hardsigmoid", "Hardswish", "Hardshrink", "Softplus", "Softshrink",
    "Softsign", "Threshold",
}  # fmt: skip
"""Classes of which each output value reads one position; batch norms by their running statistics."""
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class _Reach:
    """Per axis, what output unit ``u`` reads: ``size`` pixels from ``start + u·stride`` on."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    start: tuple[int, ...]


def with_receptive_fields(modules: list[CatalogModule]) -> list[CatalogModule]:
    """The modules of one model, each with its receptive field as far as a chain of ``Sequential`` leads from the input.

    Behind the first module that is not a convolution, a pooling or pointwise, and in models of any other class, none is
    filled in: what runs there is decided by code.
    """
    if not modules or modules[0].class_path != _SEQUENTIAL:
        return modules
    filled = list(modules)
    reach: _Reach | None = None
    for index, module in enumerate(modules):
        if module.class_path == _SEQUENTIAL:
            continue
        step = _step(module, len(reach.size) if reach else None)
        if step is None:
            break
        if step:
            reach = _beyond(reach, *step)
            if max(reach.size) > _LARGEST or max(reach.stride) > _LARGEST:
                break
        if reach:
            told = ReceptiveField(
                status="exact", size=list(reach.size), stride=list(reach.stride), start=list(reach.start)
            )
            filled[index] = replace(module, receptive_field=told)
    return filled


def _step(module: CatalogModule, axes: int | None) -> Sequence[list[int]] | None:
    """Kernel, stride, padding and dilation of a layer, () where it is pointwise; None where it is neither."""
    module_path, _, name = module.class_path.rpartition(".")
    if not module_path.startswith("torch.nn.modules."):
        return None
    if name in _POINTWISE:
        return None if "Norm" in name and module.settings.get("track_running_stats") is not True else ()
    kind, rank = name[:-2], name[-2:]
    if rank not in ("1d", "2d", "3d") or (axes is not None and int(rank[0]) != axes):
        return None
    try:
        return _window(kind, module.settings, int(rank[0]))
    except (KeyError, ValueError, TypeError):
        return None


def _window(kind: str, settings: Mapping[str, Any], count: int) -> Sequence[list[int]] | None:
    if kind == "Conv":
        if settings.get("padding_mode", "zeros") != "zeros":
            return None
        found: Sequence[list[int]] = convolution_window(settings, count)[:4]
    elif kind in ("MaxPool", "AvgPool", "LPPool"):
        found = pooling_window(kind, settings, count)
    elif kind == "ZeroPad":
        # Listed from the last axis to the first, before and behind each.
        padding = numbers(settings["padding"], 2 * count)
        found = [1] * count, [1] * count, padding[-2::-2], [1] * count
    else:
        return None
    return found if min(found[0]) > 0 and min(found[1]) > 0 and min(found[3]) > 0 else None


def _beyond(
    reach: _Reach | None, kernel: list[int], stride: list[int], padding: list[int], dilation: list[int]
) -> _Reach:
    before = reach or _Reach((1,) * len(kernel), (1,) * len(kernel), (0,) * len(kernel))
    axes = range(len(kernel))
    return _Reach(
        tuple(before.size[axis] + dilation[axis] * (kernel[axis] - 1) * before.stride[axis] for axis in axes),
        tuple(before.stride[axis] * stride[axis] for axis in axes),
        tuple(before.start[axis] - padding[axis] * before.stride[axis] for axis in axes),
    )
