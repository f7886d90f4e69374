"""Views and permutations: sizes that do not multiply to the whole, strides that do not fit, axes that are not there."""

import ast
from math import prod

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import changed_layers
from inspector.engine.pytorch.explaining.flattening import unbatched_flatten
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, bracketed
from inspector.engine.pytorch.source_edits import Edit, edited
from inspector.engine.pytorch.user_source import function_around, text_of


@explains("view reshape view_as reshape_as")
def sizes_of_a_view(scene: Scene) -> Explained | None:
    """Sizes that do not multiply to the number of elements, or a view that the strides do not allow."""
    given, sizes, nodes = _view(scene)
    if given is None or sizes is None:
        return None
    known = prod(size for size in sizes if size != -1)
    total = given.numel()
    if sizes.count(-1) > 1:
        return Explained(f"only one size can be -1, {sizes.count(-1)} are")
    if total == known or (-1 in sizes and known and total % known == 0):
        why = (
            f"{scene.with_shape(given)} does not lie in memory in the order of its axes (strides "
            f"{shape(list(given.stride()))}), "
            "which a view needs: reshape copies where that is so"
        )
        return Explained(why, _as_reshape(scene))
    product = " · ".join(str(size) for size in sizes if size != -1)
    rest = "no multiple of it" if -1 in sizes else "not that"
    why = f"{scene.with_shape(given)} has {total} numbers, the sizes {tuple(sizes)} make {product} = {known}: {rest}"
    return Explained(why, [*_flattened(scene, given, sizes), *_other_sizes(scene, given, sizes, nodes)])


def _view(scene: Scene) -> tuple[torch.Tensor | None, list[int] | None, list[ast.expr]]:
    """The tensor, the sizes and how the line writes each size."""
    if scene.call is None or not scene.call.args:
        return None, None, []
    given, rest = scene.call.args[0], list(scene.call.args[1:]) or list(scene.call.kwargs.values())
    if isinstance(rest[0], torch.Tensor):
        return given, list(rest[0].shape), []
    nodes: list[ast.expr] = []
    if isinstance(scene.node, ast.Call):
        nodes = scene.node.args[0 if scene.is_method_call else 1 :]
    if isinstance(rest[0], list | tuple):
        first = nodes[0] if nodes else None
        nodes = list(first.elts) if isinstance(first, ast.List | ast.Tuple) else []
        rest = list(rest[0])
    if not all(isinstance(size, int) for size in rest):
        return given, None, []
    if len(nodes) != len(rest) or any(isinstance(node, ast.Starred) for node in nodes):
        nodes = []
    return given, [int(size) for size in rest], nodes


_MOVES = ("transpose", "permute", "movedim", "moveaxis", "swapaxes", "swapdims", "t")


def _as_reshape(scene: Scene) -> list[Fix]:
    node = scene.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "view":
        return []
    whole, owner = text_of(scene.file, node), text_of(scene.file, node.func)
    text = f"{owner[: -len('view')]}reshape{whole[len(owner) :]}"
    later = [(one.func, f"{text_of(scene.file, one.func)[: -len('view')]}reshape") for one in _later_views(scene, node)]
    fix = scene.replaced("reshape instead of view", (node, text), *later)
    return [fix] if fix is not None else []


def _later_views(scene: Scene, failed: ast.Call) -> list[ast.Call]:
    """Views further down in the forward with a move of axes before them, which fail for the same reason."""
    function = function_around(scene.file, failed)
    calls = [
        (node.func.attr, node)
        for node in (ast.walk(function) if function is not None else ())
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.lineno > (failed.end_lineno or failed.lineno)
    ]
    moves = [call.end_lineno or call.lineno for name, call in calls if name in _MOVES]
    views = [call for name, call in calls if name == "view" and any(line <= call.lineno for line in moves)]
    # One inside another's text cannot be changed beside it.
    return [one for one in views if not any(other in ast.walk(one) for other in views if other is not one)]


def _flattened(scene: Scene, given: torch.Tensor, sizes: list[int]) -> list[Fix]:
    """Flattening each sample, and the layers that wait for the number that was written made for the real one."""
    if len(sizes) != 2 or given.ndim < 3 or not isinstance(scene.node, ast.Call):
        return []
    features, wrong = prod(given.shape[1:]), sizes[1]
    node = scene.node_of(given)
    if node is None:
        return []
    flatten = [Edit(scene.file, scene.node, f"{bracketed(scene.file, node)}.flatten(1)")]
    why = f"flatten each sample: {' · '.join(map(str, given.shape[1:]))} = {features}"
    waiting = [
        path
        for path, module in scene.model.named_modules()
        if isinstance(module, nn.Linear) and module.in_features == wrong and path.startswith(scene.frame_path)
    ]
    lines = edited(flatten)
    text = f"{why} — line {lines[0].line}: {lines[0].after.strip()}"
    if not waiting or features == wrong:
        return [Fix(text=text, edits=lines)]
    change = changed_layers(scene.model, {waiting[0]: {"in_features": features}})
    return [Fix(text=f"{text}; and {change.text}", edits=[*lines, *change.edits], statement=change.statement)]


def _other_sizes(scene: Scene, given: torch.Tensor, sizes: list[int], nodes: list[ast.expr]) -> list[Fix]:
    """One size written otherwise."""
    fixes = []
    total = given.numel()
    for place in [0, *range(len(sizes) - 1, 0, -1)]:
        rest = prod(size for at, size in enumerate(sizes) if at != place and size != -1)
        if not rest or total % rest or sizes[place] == -1:
            continue
        if place == 0 and (given.shape[0] * rest != total or -1 in sizes):
            continue
        number = total // rest
        if -1 in sizes:
            continue
        node = nodes[place] if nodes else None
        owner = scene.node_of(given)
        text = f"{bracketed(scene.file, owner)}.shape[0]" if place == 0 and owner is not None else "-1"
        why = f"{number} instead of {sizes[place]} as size {place} fits"
        fixes.append(scene.replaced(why, (node, text)) or Fix(text=why))
    if not fixes and -1 in sizes:
        fitting = [size for size in range(sizes[-1], 0, -1) if total % size == 0][:1]
        if sizes[-1] != -1 and fitting and len(sizes) > 2:
            why = f"{fitting[0]} instead of {sizes[-1]} as the last size divides {total}"
            fixes.append(scene.replaced(why, (nodes[-1] if nodes else None, str(fitting[0]))) or Fix(text=why))
    return fixes


@explains("permute", signature="input")
def axes_of_a_permutation(scene: Scene) -> Explained | None:
    """An order of another number of axes than there are."""
    if scene.call is None:
        return None
    given, rest = scene.call.args[0], scene.call.args[1:] or tuple(scene.call.kwargs.values())
    order = list(rest[0]) if isinstance(rest[0], list | tuple) else list(rest)
    if sorted(axis % given.ndim for axis in order if -given.ndim <= axis < given.ndim) == list(range(given.ndim)):
        return None
    why = f"the order {tuple(order)} is of {len(order)} axes, {scene.with_shape(given)} has {given.ndim}"
    fixes: list[Fix] = []
    if len(order) == given.ndim + 1:
        fixes += [fix for fix in [unbatched_flatten(scene, given)] if fix is not None]
        fixes.append(scene.wrapped(given, "{}.unsqueeze(0)", "the axis of the batch is missing: add it"))
        shorter = [axis - 1 for axis in order if axis > 0]
        fixes += _ordered(scene, given, shorter)
    elif len(order) < given.ndim:
        fixes += _ordered(scene, given, [*order, *range(len(order), given.ndim)])
    elif len(order) == given.ndim:
        missing = [axis for axis in range(given.ndim) if axis not in order]
        seen: set[int] = set()
        better = []
        for axis in order:
            fits = axis not in seen and 0 <= axis < given.ndim
            better.append(axis if fits else missing.pop(0))
            seen.add(axis)
        fixes += _ordered(scene, given, better)
    return Explained(why, fixes)


def _ordered(scene: Scene, given: torch.Tensor, order: list[int]) -> list[Fix]:
    node = scene.node_of(given)
    text = f"{bracketed(scene.file, node)}.permute({', '.join(map(str, order))})" if node is not None else ""
    fix = scene.replaced(f"permute all {given.ndim} axes", (scene.node if node is not None else None, text))
    return [fix] if fix is not None else []


@explains("expand", signature="input")
def sizes_of_an_expansion(scene: Scene) -> Explained | None:
    """Only axes of size 1 can be expanded."""
    if scene.call is None:
        return None
    given, rest = scene.call.args[0], scene.call.args[1:]
    sizes = list(rest[0]) if rest and isinstance(rest[0], list | tuple) else list(rest)
    if len(sizes) < given.ndim:
        why = f"{len(sizes)} sizes are given, {scene.with_shape(given)} has {given.ndim} axes"
        return Explained(why)
    for place, (size, wanted) in enumerate(zip(reversed(given.shape), reversed(sizes), strict=False)):
        if size not in (1, wanted) and wanted != -1:
            at = len(sizes) - 1 - place
            why = (
                f"axis {given.ndim - 1 - place} of {scene.with_shape(given)} is {size}: only a size of 1 can be "
                f"expanded to {wanted}"
            )
            nodes = scene.node.args if isinstance(scene.node, ast.Call) else []
            node = nodes[at] if len(nodes) == len(sizes) else None
            fix = scene.replaced("keep its size with -1", (node, "-1"))
            fixes = [fix]
            for axis in range(1, given.ndim + 1):
                longer = list(given.shape)
                longer.insert(axis, 1)
                if len(longer) == len(sizes) and all(
                    a in (1, b) or b == -1 for a, b in zip(longer, sizes, strict=True)
                ):
                    fixes.insert(0, scene.wrapped(given, f"{{}}.unsqueeze({axis})", "add the axis that is expanded"))
            return Explained(why, fixes)
    return None


@explains("split split_with_sizes", signature="tensor sizes dim")
def sizes_of_a_split(scene: Scene) -> Explained | None:
    """Parts that do not add up to the axis."""
    given, sizes, dim = (
        scene.argument("tensor"),
        scene.argument("sizes", scene.argument("split_size")),
        scene.argument("dim", 0),
    )
    if isinstance(sizes, int) or sizes is None or not -given.ndim <= dim < given.ndim:
        return None
    length = given.shape[dim]
    if sum(sizes) == length:
        return None
    why = f"the parts {list(sizes)} make {sum(sizes)}, axis {dim} of {scene.with_shape(given)} is {length}"
    fixes = []
    for axis in range(given.ndim):
        node = next((node for value, node in scene.written if type(value) is int and value == dim), None)
        if (
            given.shape[axis] == sum(sizes)
            and node is not None
            and (fix := scene.replaced(f"split axis {axis}", (node, str(axis))))
        ):
            fixes.append(fix)
    better = [*sizes[:-1], length - sum(sizes[:-1])]
    if better[-1] > 0 and (fix := scene.replaced(f"split into {better}", (scene.node_of(sizes), str(better)))):
        fixes.append(fix)
    return Explained(why, fixes)


@explains()
def axes_that_are_not_there(scene: Scene) -> Explained | None:
    """A number of an axis beyond the last one, for whatever function."""
    if scene.call is None or not isinstance(scene.problem, IndexError):
        return None
    given = next((value for value in scene.call.args if isinstance(value, torch.Tensor)), None)
    if given is None or scene.name in ("getitem", "setitem", "embedding", "embedding_bag"):
        return None
    numbers: list[int] = []
    for value in [
        *scene.call.args[1:],
        *(scene.call.kwargs.get(name) for name in ("dim", "axis", "dim0", "dim1", "start_dim", "end_dim")),
    ]:
        numbers += [one for one in (value if isinstance(value, list | tuple) else [value]) if type(one) is int]
    outside = [number for number in numbers if not -given.ndim <= number < given.ndim]
    if not outside:
        return None
    why = f"{scene.with_shape(given)} has {given.ndim} axes (0 to {given.ndim - 1}): there is no axis {outside[0]}"
    fixes: list[Fix] = []
    lost = unbatched_flatten(scene, given)
    if lost is not None:
        fixes.append(lost)
    if outside[0] == given.ndim:
        fixes.append(
            scene.wrapped(given, "{}.unsqueeze(0)", "the axis of the batch is missing: add it", "Unflatten(0, (1, -1))")
        )
    node = next((node for value, node in scene.written if type(value) is int and value == outside[0]), None)
    if fix := scene.replaced("or take the last axis", (node, "-1")):
        fixes.append(fix)
    elif scene.module is not None and hasattr(scene.module, "dim"):
        fixes.append(scene.changed(dim=-1))
    return Explained(why, fixes)
