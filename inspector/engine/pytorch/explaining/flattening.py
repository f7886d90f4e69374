"""What a flattened tensor was before, and flattening that also took the batch axis."""

import ast
from collections.abc import Iterator

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.scene import Scene, bracketed
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import nodes_on_line, text_of

_OF_MAPS = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
)
_FLATTENS = ("flatten", "view", "reshape", "ravel", "squeeze")


def flattening_call(scene: Scene, tensor: torch.Tensor) -> CallRecord | None:
    """The call that made a tensor out of one with more axes, looking through what keeps its shape."""
    maker = scene.flow.maker(tensor)
    for call in scene.flow.chain(maker) if maker is not None else ():
        if call is scene.root or not call.input_shapes or not call.output_shapes:
            return None
        if len(call.input_shapes[0]) > len(call.output_shapes[0]):
            return call
        if call.input_shapes[0] != call.output_shapes[0]:
            return None
    return None


def flattened_from(scene: Scene, tensor: torch.Tensor) -> list[int] | None:
    """The shape with more axes that a tensor had before."""
    call = flattening_call(scene, tensor)
    return call.input_shapes[0] if call is not None else None


def is_convolved(scene: Scene, tensor: torch.Tensor) -> bool:
    """Whether a tensor comes from a layer for maps, with its channels on axis 1."""
    maker = scene.flow.maker(tensor)
    for call in scene.flow.chain(maker) if maker is not None else ():
        if isinstance(call.module, _OF_MAPS):
            return True
        if not call.input_shapes or call.input_shapes[0] != call.output_shapes[0]:
            return False
    return False


def unbatched_flatten(scene: Scene, tensor: torch.Tensor) -> Fix | None:
    """``x.flatten()`` without a first axis takes the batch too: write it with 1."""
    call = flattening_call(scene, tensor)
    if call is None or call.source is None:
        return None
    for node, owner in _flattenings(call):
        text = f"{bracketed(call.source.file, owner)}.flatten(1)"
        return finished("keep the batch axis when flattening", [Edit(call.source.file, node, text)])
    return None


def pooled_before(scene: Scene, tensor: torch.Tensor, side: int) -> Fix | None:
    """Adaptive pooling in front of the flatten, after which any input size fits."""
    call = flattening_call(scene, tensor)
    if call is None or call.source is None:
        return None
    why = f"or pool the map to {side}×{side} before it is flattened: any input size fits then"
    for _, owner in _flattenings(call):
        text = f"torch.nn.functional.adaptive_avg_pool2d({text_of(call.source.file, owner)}, {side})"
        return finished(why, [Edit(call.source.file, owner, text)])
    return None


def _flattenings(call: CallRecord) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls on a line that flatten something, each with what it flattens."""
    for node in nodes_on_line(call.source, ast.Call) if call.source is not None else ():
        if isinstance(node.func, ast.Attribute) and node.func.attr in _FLATTENS:
            is_function = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
            if not is_function or node.args:
                yield node, node.args[0] if is_function else node.func.value
