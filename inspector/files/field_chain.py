"""Receptive fields along each pickled ``Sequential``: the one kind of module whose order of layers is in the file.

Source of the arithmetic: Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill,
2019.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from inspector.core.table import LocalField, ReceptiveField
from inspector.files.catalog import CatalogModule
from inspector.files.layer_formulas import convolution_window, numbers, pooling_window

SEQUENTIAL = "torch.nn.modules.container.Sequential"
POINTWISE = {
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


@dataclass(frozen=True, slots=True)
class _Chain:
    """Layers that run one after the other, from the input of the module at `since` on."""

    since: str
    reach: _Reach | None = None


def with_receptive_fields(modules: list[CatalogModule]) -> list[CatalogModule]:
    """The modules of one model, each with what it reads of the input of the chain of layers that it stands in.

    Chains are what a ``Sequential`` holds, up to the first module that is not a convolution, a pooling or pointwise,
    and on from behind it; any other layer is one by itself, since what runs before it is decided by code. Only a chain
    from the model's own input gives receptive fields, the others give local ones.
    """
    return _Fields(modules).filled if modules else modules


class _Fields:
    def __init__(self, modules: list[CatalogModule]) -> None:
        self.filled = list(modules)
        # Taken out as they are gone through: in a damaged file several modules may have one path.
        self._children: dict[str, list[int]] = {}
        for index, module in enumerate(modules[1:], 1):
            self._children.setdefault(module.path.rpartition(".")[0], []).append(index)
        self._apart(0)

    def _apart(self, index: int) -> None:
        """Fill in a module whose input is that of no layer before it, and what it holds."""
        module = self.filled[index]
        if module.class_path == SEQUENTIAL:
            self._through(index, _Chain(module.path))
            return
        self._layer(index, _Chain(module.path))
        for child in self._children.pop(module.path, ()):
            self._apart(child)

    def _through(self, index: int, chain: _Chain | None) -> _Chain | None:
        """Follow a chain through a ``Sequential``; None where what it ends in is not known."""
        for child in self._children.pop(self.filled[index].path, ()):
            module = self.filled[child]
            if module.class_path == SEQUENTIAL:
                chain = self._through(child, chain)
                continue
            found = self._layer(child, chain or _Chain(module.path))
            if found is None:
                for below in self._children.pop(module.path, ()):
                    self._apart(below)
            chain = found
        return chain

    def _layer(self, index: int, chain: _Chain) -> _Chain | None:
        """The chain with one layer more, which is told what it reads; None where that is not known."""
        module, reach = self.filled[index], chain.reach
        step = _step(module, len(reach.size) if reach else None)
        if step is None:
            return None
        if step:
            reach = _beyond(reach, *step)
        if reach is None:
            return chain
        if max(reach.size) > _LARGEST or max(reach.stride) > _LARGEST:
            return None
        size, stride, start = list(reach.size), list(reach.stride), list(reach.start)
        if chain.since == "":
            field = ReceptiveField(status="exact", size=size, stride=[*stride], start=[*start])
            self.filled[index] = replace(module, receptive_field=field)
        else:
            local = LocalField(since=".".join([*module.container, chain.since]), size=size, stride=stride, start=start)
            self.filled[index] = replace(module, local_field=local)
        return _Chain(chain.since, reach)


def _step(module: CatalogModule, axes: int | None) -> Sequence[list[int]] | None:
    """Kernel, stride, padding and dilation of a layer, () where it is pointwise; None where it is neither."""
    module_path, _, name = module.class_path.rpartition(".")
    if not module_path.startswith("torch.nn.modules."):
        return None
    if name in POINTWISE:
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
