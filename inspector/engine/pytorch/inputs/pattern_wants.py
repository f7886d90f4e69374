"""What a pattern of einops wants: ``b c (h p1) (w p2) -> b (h w) (p1 p2 c)``, with the sizes of some of its axes.

The pattern is read from the frames of the failing call, by the names of the function's own arguments.
"""

import re
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch

from inspector.engine.pytorch.inputs.call_wants import Call
from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.wants import Want

_AXIS = re.compile(r"\(([^)]*)\)|(\S+)")


def wants_of_pattern(frames: list[FrameType], tracker: OriginTracker) -> list[Want]:
    """What the innermost pattern on the stack takes; nothing where there is none."""
    for frame in reversed(frames):
        local = frame.f_locals
        owner = local.get("self")
        pattern = local.get("pattern", getattr(owner, "__dict__", {}).get("pattern"))
        lengths = local.get("axes_lengths", getattr(owner, "__dict__", {}).get("axes_lengths"))
        tensor = local.get("tensor", local.get("input"))
        if isinstance(pattern, str) and isinstance(tensor, torch.Tensor):
            known = dict(lengths) if isinstance(lengths, Mapping | tuple) else {}
            return _of_pattern(pattern, tensor, known, Call("einops", (), {}, tracker))
    return []


def _of_pattern(pattern: str, x: torch.Tensor, lengths: Mapping[str, Any], call: Call) -> list[Want]:
    axes = [(group or single).split() for group, single in _AXIS.findall(pattern.partition("->")[0])]
    if "..." in pattern:
        return []
    multiples = [_product(axis, lengths) for axis in axes]
    if x.ndim != len(axes):
        usual = {4: (None, 3, 224, 224), 5: (None, 3, 16, 224, 224)}.get(len(axes), (None,) * len(axes))
        if len(axes) == 5 and axes[1][0] in ("f", "t", "b"):
            usual = (None, 8, 3, 224, 224)
        return call.want(x, shape=(None,) * len(axes), free=usual)
    found: list[Want] = []
    for place, (axis, multiple) in enumerate(zip(axes, multiples, strict=True)):
        if all(name in lengths or name == "1" for name in axis) and x.shape[place] != multiple:
            found += call.want(x, shape=tuple(multiple if at == place else None for at in range(x.ndim)))
        elif x.shape[place] % multiple:
            places = tuple(at for at in range(x.ndim) if multiples[at] == multiple)
            found += call.want(x, grow=places, multiple=multiple)
    return found


def _product(axis: list[str], lengths: Mapping[str, Any]) -> int:
    product = 1
    for name in axis:
        product *= int(lengths.get(name, 1))
    return product
