"""A ``squeeze()`` without an axis that took away the batch, which had one sample."""

import ast
import os

import torch

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, bracketed, tensors_of
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import nodes_on_line, text_of


@explains()
@explains(ValueError, RuntimeError, IndexError, TypeError)
def squeezed_batch(scene: Scene) -> Explained | None:
    """What fails has too few axes, and comes from such a call."""
    samples = scene.root.input_shapes[0][:1] if scene.root is not None and scene.root.input_shapes else []
    given = next(tensors_in(scene.given), None) if scene.module is not None else next(iter(tensors_of(scene)), None)
    if samples != [1] or given is None or scene.name in ("linear", "embedding"):
        return None
    squeeze = _squeezed(scene, given)
    if squeeze is None or squeeze.source is None:
        return None
    before, after = squeeze.input_shapes[0], squeeze.output_shapes[0]
    call = _without_axis(squeeze)
    if call is None:
        return None
    place = f"line {squeeze.source.line} of {os.path.basename(squeeze.source.file)}"
    why = (
        f"{scene.with_shape(given)} has lost the axis of the batch: squeeze() without an axis ({place}) takes away "
        f"every axis of size 1, {shape(before)} became {shape(after)}"
    )
    return Explained(why, [_with_axes(squeeze.source.file, call, before)])


def _squeezed(scene: Scene, given: torch.Tensor) -> CallRecord | None:
    """The call that took the first axis of a tensor, where all since then kept its number of axes."""
    maker = scene.flow.maker(given)
    for call in scene.flow.chain(maker) if maker is not None else ():
        if not call.output_shapes or len(call.output_shapes[0]) != given.ndim:
            return None
        if call.is_function and call.type.rpartition(".")[2].strip() == "squeeze" and call.input_shapes:
            return call if call.input_shapes[0][:1] == [1] else None
    return None


def _without_axis(squeeze: CallRecord) -> ast.Call | None:
    """The one call on the line that names no axis."""
    found = []
    for node in nodes_on_line(squeeze.source, ast.Call) if squeeze.source is not None else ():
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if name == "squeeze" and not node.keywords:
            owner = func.value if isinstance(func, ast.Attribute) else None
            is_method = owner is not None and not (isinstance(owner, ast.Name) and owner.id == "torch")
            if len(node.args) == int(not is_method):
                found.append(node)
    return found[0] if len(found) == 1 else None


def _with_axes(file: str, call: ast.Call, before: list[int]) -> Fix:
    """The call that keeps the batch: all that follows flattened, or the axes of size 1 named."""
    owner = call.args[0] if call.args else call.func.value  # type: ignore[attr-defined]  # a method's
    text = bracketed(file, owner)
    if all(size == 1 for size in before[2:]):
        return finished("keep the batch", [Edit(file, call, f"{text}.flatten(1)")])
    axes = [axis for axis, size in enumerate(before) if axis and size == 1]
    written = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
    if not axes:
        return finished("keep the batch", [Edit(file, call, text_of(file, owner))])
    return finished("keep the batch", [Edit(file, call, f"{text}.squeeze({written})")])
