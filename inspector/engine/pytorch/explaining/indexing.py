"""Indices beyond the end: of an embedding's table, of an axis, in a gather."""

import ast

import torch

from inspector.core.table import Fix
from inspector.engine.pytorch.counted_positions import counted_span
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.explaining.settings import parameter_fix
from inspector.engine.pytorch.user_source import text_of


@explains("embedding embedding_bag", signature="input weight")
def indices_beyond_a_table(scene: Scene) -> Explained | None:
    """An index for which the table of an embedding has no entry."""
    given, weight = scene.argument("input"), scene.argument("weight")
    span = counted_span(given) if given.is_meta else _span(given)
    if span is None:
        return None
    entries, (least, top) = weight.shape[0], span
    if least >= 0 and top < entries:
        return None
    wrong = top if top >= entries else least
    why = f"the table has {entries} entries (0 to {entries - 1}), {scene.with_shape(given)} asks for {wrong}"
    fixes: list[Fix] = []
    if scene.module is not None and top >= entries and least >= 0:
        fixes.append(scene.changed(num_embeddings=_needed(scene, given)))
    elif scene.module is None and (fix := parameter_fix(scene, weight, 0, _needed(scene, given))):
        fixes.append(fix)
    if scene.flow.maker(given) is scene.root and scene.root is not None:
        sizes = "x".join(map(str, given.shape))
        fixes.append(Fix(text=f"give indices of the table: --input '{sizes}:int64~range(0,{entries})'"))
    fixes.append(scene.wrapped(given, f"{{}}.clamp(0, {entries - 1})", "or clamp them"))
    return Explained(why, fixes)


def _span(given: torch.Tensor) -> tuple[int, int] | None:
    """The least and the largest index."""
    return (int(given.min()), int(given.max())) if given.numel() else None


def _needed(scene: Scene, given: torch.Tensor) -> int:
    """How many entries the indices need: all that the input's declared range allows, else those that were drawn."""
    span = counted_span(given) if given.is_meta else _span(given)
    most = span[1] + 1 if span is not None else 1
    if scene.flow.maker(given) is not scene.root:
        return most
    ends = [
        int(spec.high)
        for spec in scene.specs
        if spec.distribution == "range" and spec.high is not None and spec.shape == list(given.shape)
    ]
    return max([most, *ends]) if len(ends) == 1 else most


@explains("getitem setitem", signature="input index")
def items_that_are_not_there(scene: Scene) -> Explained | None:
    """An index beyond the end of its axis, or more indices than axes."""
    given, index = scene.argument("input"), scene.argument("index")
    if not isinstance(given, torch.Tensor):
        return None
    items = list(index) if isinstance(index, tuple) else [index]
    counted = [item for item in items if item is not None and item is not Ellipsis]
    used = sum(item.ndim if isinstance(item, torch.Tensor) and item.dtype == torch.bool else 1 for item in counted)
    nodes = _nodes(scene)
    if used > given.ndim:
        why = f"{used} indices are given, {scene.with_shape(given)} has {given.ndim} axes"
        fixes = [scene.wrapped(given, "{}.unsqueeze(0)", "the axis of the batch is missing: add it")]
        slices = [place for place, item in enumerate(items) if item == slice(None)]
        if nodes is not None and slices and len(nodes) == len(items):
            kept = [text_of(scene.file, node) for place, node in enumerate(nodes) if place != slices[-1]]
            subscript = scene.node
            if isinstance(subscript, ast.Subscript) and (
                fix := scene.replaced("leave one ':' out", (subscript.slice, ", ".join(kept)))
            ):
                fixes.append(fix)
        return Explained(why, fixes)
    axis = 0
    for place, item in enumerate(items):
        if item is Ellipsis:
            axis = given.ndim - (used - axis)
            continue
        if item is None:
            continue
        size = given.shape[axis]
        wrong = _outside(item, size)
        if wrong is not None:
            why = f"axis {axis} of {scene.with_shape(given)} has {size} entries (0 to {size - 1}): there is no {wrong}"
            node = nodes[place] if nodes is not None and len(nodes) == len(items) else None
            fix = scene.replaced("take the last one", (node, "-1")) if type(item) is int else None
            if isinstance(item, torch.Tensor):
                fix = scene.wrapped(item, f"{{}}.clamp(0, {size - 1})", "clamp the indices")
            return Explained(why, [fix])
        if isinstance(item, torch.Tensor) and item.dtype == torch.bool:
            if list(item.shape) != list(given.shape[axis : axis + item.ndim]):
                why = f"the mask {scene.with_shape(item)} does not have the shape of {scene.with_shape(given)}"
                return Explained(why)
            axis += item.ndim - 1
        axis += 1
    return None


def _outside(item: object, size: int) -> int | None:
    if type(item) is int:
        return item if not -size <= item < size else None
    if (
        isinstance(item, torch.Tensor)
        and item.dtype != torch.bool
        and not item.is_floating_point()
        and not item.is_meta
        and item.numel()
    ):
        top, least = int(item.max()), int(item.min())
        return top if top >= size else least if least < -size else None
    return None


def _nodes(scene: Scene) -> list[ast.expr] | None:
    if not isinstance(scene.node, ast.Subscript):
        return None
    index = scene.node.slice
    return list(index.elts) if isinstance(index, ast.Tuple) else [index]


@explains("gather index_select take_along_dim scatter scatter_add index_add", signature="input dim index")
def indices_beyond_an_axis(scene: Scene) -> Explained | None:
    """Indices of an axis that is shorter."""
    given, dim, index = scene.argument("input"), scene.argument("dim"), scene.argument("index")
    if not isinstance(index, torch.Tensor) or not isinstance(dim, int) or not -given.ndim <= dim < given.ndim:
        return None
    if index.dtype not in (torch.int64, torch.int32):
        why = f"{scene.text(index, 'the index')} is {str(index.dtype).removeprefix('torch.')}: indices are int64"
        return Explained(why, [scene.wrapped(index, "{}.long()", "convert it to integers")])
    if scene.name == "gather" and index.ndim != given.ndim:
        why = (
            f"{scene.with_shape(index)} has {index.ndim} axes, {scene.with_shape(given)} has {given.ndim}: "
            "gather takes equally many"
        )
        fixes = [scene.wrapped(index, f"{{}}.unsqueeze({dim})", "add the axis")] if index.ndim + 1 == given.ndim else []
        return Explained(why, fixes)
    wrong = _outside(index, given.shape[dim])
    if wrong is None:
        return None
    why = (
        f"axis {dim} of {scene.with_shape(given)} has {given.shape[dim]} entries, "
        f"{scene.text(index, 'the index')} asks for {wrong}"
    )
    return Explained(why, [scene.wrapped(index, f"{{}}.clamp(0, {given.shape[dim] - 1})", "clamp the indices")])


@explains("select narrow", signature="input dim start length")
def parts_that_are_not_there(scene: Scene) -> Explained | None:
    """A part beyond the end of an axis."""
    given, dim, start = scene.argument("input"), scene.argument("dim"), scene.argument("start", scene.argument("index"))
    length = scene.argument("length", 1)
    if type(start) is not int or not isinstance(dim, int) or not -given.ndim <= dim < given.ndim:
        return None
    size = given.shape[dim]
    if -size <= start and start + length <= size:
        return None
    why = (
        f"axis {dim} of {scene.with_shape(given)} has {size} entries: there are none from {start} to "
        f"{start + length - 1}"
    )
    return Explained(why)
