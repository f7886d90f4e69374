"""Which setting of which layer gives a number of features or channels, and fixes that change it."""

import ast
import inspect
from collections.abc import Iterator

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.engine.pytorch.calls import CallRecord, calls_of
from inspector.engine.pytorch.explaining.constructing import changed_layers, finished
from inspector.engine.pytorch.explaining.makings import registered_value
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.source_edits import Edit

_MADE = {
    nn.Linear: ("out_features", -1), nn.Bilinear: ("out_features", -1), nn.Embedding: ("embedding_dim", -1),
    nn.modules.conv._ConvNd: ("out_channels", 1), nn.RNNBase: ("hidden_size", -1), nn.RNNCellBase: ("hidden_size", -1),
}  # fmt: skip
"""The setting that gives the size of an axis of a layer's output."""
_MOVES = ("transpose", "permute", "movedim", "moveaxis", "swap", "x.t", "x.T", "x.mT")
"""Functions after which an axis is another one."""


def feature_fixes(
    scene: Scene, given: torch.Tensor, got: int, wanted: int, setting: str, weight: torch.Tensor | None
) -> list[Fix]:
    """The layer made for what it was given, or the layer before it made for what this one takes."""
    fixes: list[Fix] = []
    if setting and scene.module is not None and hasattr(scene.module, setting):
        fixes.append(scene.changed_at(scene.path, {setting: got}))
    elif weight is not None and (fix := parameter_fix(scene, weight, weight.ndim - 1, got)):
        fixes.append(fix)
    axis = 1 if setting in ("in_channels", "num_features", "num_channels") else -1
    before = made_size(scene, given, axis)
    if before is not None:
        fixes += [fix for fix in [resized_producers(scene, before, got, wanted, given)] if fix is not None]
    keeps = setting in ("num_features", "num_channels", "normalized_shape")
    # A layer that keeps the size hands it on: where the next one takes what this one does, the one before is wrong.
    if keeps and len(fixes) > 1 and taken_next(scene) == wanted:
        fixes.append(fixes.pop(0))
    return fixes


def made_size(scene: Scene, tensor: torch.Tensor, axis: int) -> tuple[CallRecord, str] | None:
    """The layer that gave an axis of a tensor its size, and by which setting."""
    maker = scene.flow.maker(tensor)
    size = tensor.shape[axis]
    for call in scene.flow.chain(maker) if maker is not None else ():
        for cls, (setting, own_axis) in _MADE.items():
            if isinstance(call.module, cls) and call.output_shapes:
                place = own_axis if own_axis >= 0 else len(call.output_shapes[0]) - 1
                same = axis % tensor.ndim == place and call.output_shapes[0][place] == size
                return (call, setting) if same and getattr(call.module, setting, None) == size else None
        if call.is_function and any(word in call.type for word in _MOVES):
            return None
        if call.output_shapes and len(call.output_shapes[0]) == tensor.ndim:
            if call.output_shapes[0][axis] != size:
                return None
        elif call is not maker:
            return None
    return None


def resized_producers(
    scene: Scene, made: tuple[CallRecord, str], got: int, wanted: int, given: torch.Tensor
) -> Fix | None:
    """The layer before with another output, and the layers between that were made for its old one."""
    call, setting = made
    changes: dict[str, dict[str, object]] = {call.path: {setting: wanted}}
    maker = scene.flow.maker(given)
    for between in scene.flow.chain(maker) if maker is not None else ():
        if between is call:
            break
        if between.module is None:
            continue
        for name in ("num_features", "num_channels", "normalized_shape"):
            size = getattr(between.module, name, None)
            if size == got or size == (got,):
                changes[between.path] = {name: wanted}
    return changed_layers(scene.model, changes, "where it comes from: ")


def parameter_fix(scene: Scene, tensor: torch.Tensor, axis: int, size: int) -> Fix | None:
    """Make a parameter that the model holds itself with another size on one axis."""
    key = scene.key_of(tensor)
    if not key or scene.module is not None:
        return None
    found = registered_value(scene.model, key)
    old = int(tensor.shape[axis])
    if found is None:
        return Fix(text=f"make {key} with {size} instead of {old} on axis {axis}")
    file, value = found
    numbers = list(_sizes(value))
    if len(numbers) != tensor.ndim:
        return Fix(text=f"make {key} with {size} instead of {old} on axis {axis}")
    return finished(f"make {key} with {size} instead of {old} on axis {axis}", [Edit(file, numbers[axis], str(size))])


def _sizes(node: ast.expr) -> Iterator[ast.expr]:
    """The sizes in ``nn.Parameter(torch.randn(4, 5))``."""
    if not isinstance(node, ast.Call) or not node.args:
        return
    first = node.args[0]
    if isinstance(first, ast.Tuple | ast.List):
        yield from first.elts
    elif isinstance(first, ast.Call):
        yield from _sizes(first)
    elif isinstance(first, ast.BinOp):
        yield from _sizes(first.left if isinstance(first.left, ast.Call) else first.right)
    else:
        yield from node.args


def takes(module: nn.Module) -> int | None:
    """How many features or channels one of torch's layers takes."""
    for name in ("in_channels", "in_features", "num_features", "num_channels", "input_size", "embed_dim"):
        if name in inspect.signature(type(module)).parameters and isinstance(getattr(module, name, None), int):
            return int(getattr(module, name))
    return None


def taken_next(scene: Scene) -> int | None:
    """What the layer registered next after those that ran takes; None where it takes any."""
    ran = {id(call.module) for call in calls_of(scene.root) if call.module is not None}
    modules = list(scene.model.modules())
    last = max((place for place, module in enumerate(modules) if id(module) in ran), default=0)
    for module in modules[last + 1 :]:
        if getattr(nn, type(module).__name__, None) is type(module) and (size := takes(module)) is not None:
            return size
    return None
