"""Tensors put together that do not fit: ``cat``, ``stack``, sums and products, and where their branches part."""

import ast
from itertools import combinations

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.explaining.branch_sizes import changes_of, shrinking
from inspector.engine.pytorch.explaining.producers import branches
from inspector.engine.pytorch.explaining.projecting import projection
from inspector.engine.pytorch.explaining.registry import ELEMENTWISE, Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.explaining.settings import made_size, parameter_fix, resized_producers, taken_next
from inspector.engine.pytorch.user_source import text_of

_PRODUCTS = ("@", "matmul", "bmm", "einsum", "baddbmm")


@explains("cat concat concatenate stack hstack vstack", signature="tensors dim")
def joined_sizes(scene: Scene) -> Explained | None:
    """Tensors that differ elsewhere than on the axis along which they are joined."""
    tensors, dim = list(scene.argument("tensors")), scene.argument("dim", scene.argument("axis", 0))
    if len(tensors) < 2 or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        return None
    ranks = [tensor.ndim for tensor in tensors]
    if len(set(ranks)) > 1:
        return _other_ranks(scene, tensors)
    if not -ranks[0] <= dim < ranks[0]:
        return Explained(
            f"the tensors have {ranks[0]} axes, there is none with number {dim}", _other_dim(scene, dim, ranks[0] - 1)
        )
    axis = dim % ranks[0] if scene.name not in ("stack",) else None
    wrong = _odd_one(tensors, axis)
    if wrong is None:
        return None
    tensor, other = wrong
    differing = [place for place in range(ranks[0]) if tensor.shape[place] != other.shape[place]]
    against = [place for place in differing if place != axis]
    fixes: list[Fix] = []
    everywhere = {
        place
        for one, two in combinations(tensors, 2)
        for place in range(ranks[0])
        if one.shape[place] != two.shape[place]
    }
    if len(everywhere) == 1 and axis is not None and (against[0] == 1 or ranks[0] < 4):
        fixes += _other_dim(scene, dim, against[0])
    fixes += _fitting(scene, tensor, other, against)
    return Explained(
        _told(scene, tensor, other, against, f"joined on axis {axis}" if axis is not None else "stacked"), fixes
    )


def _odd_one(tensors: list[torch.Tensor], axis: int | None) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The tensor that differs from most of the others, and one of those."""

    def rest(tensor: torch.Tensor) -> tuple[int, ...]:
        return tuple(size for place, size in enumerate(tensor.shape) if place != axis)

    shapes = [rest(tensor) for tensor in tensors]
    usual = max(shapes, key=shapes.count)
    if all(one == usual for one in shapes):
        return None
    if shapes.count(usual) == 1:
        return tensors[0], next(tensor for tensor in tensors[1:] if rest(tensor) != shapes[0])
    odd = next(tensor for tensor in tensors if rest(tensor) != usual)
    return odd, next(tensor for tensor in tensors if rest(tensor) == usual)


def _other_dim(scene: Scene, dim: int, better: int) -> list[Fix]:
    node = next((node for value, node in scene.written if type(value) is int and value == dim), None)
    if node is not None:
        fix = scene.replaced(f"join on axis {better}", (node, str(better)))
    else:
        tensors = scene.node_of(scene.argument("tensors"))
        fix = None
        if tensors is not None:
            fix = scene.replaced(f"join on axis {better}", (tensors, f"{text_of(scene.file, tensors)}, dim={better}"))
    return [fix] if fix is not None else []


def _other_ranks(scene: Scene, tensors: list[torch.Tensor]) -> Explained:
    most = max(tensors, key=lambda tensor: tensor.ndim)
    fewer = next(tensor for tensor in tensors if tensor.ndim < most.ndim)
    why = (
        f"{scene.with_shape(most)} has {most.ndim} axes, {scene.with_shape(fewer)} has "
        f"{fewer.ndim}{_origins(scene, most, fewer)}"
    )
    fixes = []
    dim = scene.argument("dim", 0) % most.ndim
    for axis in [dim, *range(most.ndim)]:
        sizes = list(fewer.shape)
        if fewer.ndim + 1 != most.ndim:
            break
        sizes.insert(axis, 1)
        if all(one == other or place == dim for place, (one, other) in enumerate(zip(sizes, most.shape, strict=True))):
            fixes.append(scene.wrapped(fewer, f"{{}}.unsqueeze({axis})", f"add the axis {axis}"))
            break
    if not fixes and most.ndim == 4 and fewer.ndim == 2:
        form = f"{{}}[:, :, None, None].expand(-1, -1, {scene.size(most, 2)}, {scene.size(most, 3)})"
        fixes.append(scene.wrapped(fewer, form, "repeat the features at every position"))
    if not fixes and most.ndim == 3 and fewer.ndim == 2:
        form = f"{{}}.unsqueeze(1).expand(-1, {scene.size(most, 1)}, -1)"
        fixes.append(scene.wrapped(fewer, form, "repeat the features at every position"))
    if not fixes and fewer.ndim == 2 and most.shape[0] == fewer.shape[0]:
        fixes.append(scene.wrapped(most, "{}.flatten(1)", "flatten the other one"))
    return Explained(why, fixes)


@explains(ELEMENTWISE, signature="left right third")
def broadcast_sizes(scene: Scene) -> Explained | None:
    """A sum or product of tensors whose sizes do not broadcast."""
    candidates = [scene.argument(name) for name in ("left", "right", "third")]
    tensors = [tensor for tensor in candidates if isinstance(tensor, torch.Tensor)]
    if scene.call is not None:
        tensors += [
            tensor
            for tensor in scene.call.kwargs.values()
            if isinstance(tensor, torch.Tensor) and not any(tensor is one for one in tensors)
        ]
    for left, right in combinations(tensors, 2):
        pairs = list(zip(range(-1, -9, -1), reversed(left.shape), reversed(right.shape), strict=False))
        wrong = [place for place, one, other in pairs if one != other and 1 not in (one, other)]
        if not wrong:
            continue
        verb = {"mul": "multiplied", "imul": "multiplied"}.get(scene.name, "combined element by element")
        if left.ndim != right.ndim:
            return _aligned(scene, left, right, wrong, verb)
        against = sorted(place % left.ndim for place in wrong)
        fixes = _fitting(scene, left, right, against, joins=False)
        return Explained(_told(scene, left, right, against, verb), fixes)
    return _written_in_place(scene, tensors)


def _written_in_place(scene: Scene, tensors: list[torch.Tensor]) -> Explained | None:
    """``x += y`` keeps the shape of x."""
    if len(tensors) < 2 or not scene.name.startswith("i"):
        return None
    left, right = tensors[:2]
    if torch.broadcast_shapes(left.shape, right.shape) == left.shape:
        return None
    why = (
        f"{scene.with_shape(left)} is written in place, which keeps its shape: with "
        f"{scene.with_shape(right)} it would be larger"
    )
    if not isinstance(scene.node, ast.AugAssign):
        return Explained(why)
    sign = text_of(scene.file, scene.node).split("=")[0].rstrip()[-1]
    target, value = text_of(scene.file, scene.node.target), text_of(scene.file, scene.node.value)
    fix = scene.replaced("make a new tensor", (scene.node, f"{target} = {target} {sign} {value}"))
    return Explained(why, [fix])


def _aligned(scene: Scene, left: torch.Tensor, right: torch.Tensor, wrong: list[int], verb: str) -> Explained:
    """Axes are matched from the last one on: one tensor lacks axes in between."""
    most, fewer = (left, right) if left.ndim > right.ndim else (right, left)
    why = (
        f"{scene.with_shape(left)} and {scene.with_shape(right)} are {verb}: axes are matched from the last one on, "
        f"where {most.shape[wrong[0]]} meets {fewer.shape[wrong[0]]}{_origins(scene, left, right)}"
    )
    fixes = []
    for places in combinations(range(most.ndim), fewer.ndim):
        if all(size in (1, most.shape[place]) for place, size in zip(places, fewer.shape, strict=True)):
            index = ", ".join(":" if place in places else "None" for place in range(most.ndim))
            fixes.append(scene.wrapped(fewer, f"{{}}[{index}]", "add axes where the other has more"))
            break
    if not fixes and (fix := parameter_fix(scene, fewer, fewer.ndim + wrong[0], most.shape[wrong[0]])):
        fixes.append(fix)
    if not fixes:
        fixes += _fitting_features(scene, most, fewer, most.ndim + wrong[0])
    return Explained(why, fixes)


def _told(scene: Scene, left: torch.Tensor, right: torch.Tensor, axes: list[int], verb: str) -> str:
    sizes = "; ".join(f"axis {axis} is {left.shape[axis]} and {right.shape[axis]}" for axis in axes)
    return (
        f"{scene.with_shape(left)} and {scene.with_shape(right)} are {verb}, but {sizes}{_origins(scene, left, right)}"
    )


def _origins(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> str:
    """Which calls made them, and from where on their ways differ."""
    names = (scene.text(left, "the one"), scene.text(right, "the other"))
    told = [(name, scene.made_by(tensor)) for name, tensor in zip(names, (left, right), strict=True)]
    parts = [f"{text} comes from {maker}" for text, maker in told if maker]
    makers = [scene.flow.maker(tensor) for tensor in (left, right)]
    if makers[0] is not None and makers[1] is not None:
        fork = branches(scene.flow, makers[0], makers[1]).fork
        if fork is not None and fork is not makers[0] and fork is not makers[1]:
            parts.append(f"their ways part after {scene.called(fork)}")
    return f" — {', '.join(parts)}" if parts else ""


def _fitting(scene: Scene, left: torch.Tensor, right: torch.Tensor, axes: list[int], joins: bool = True) -> list[Fix]:
    """Ways to make two tensors of one rank fit on some axes."""
    fixes: list[Fix] = []
    if not joins and left.ndim > 1 and left.ndim == right.ndim:
        swapped = _swapped(scene, left, right)
        if swapped is not None:
            fixes.append(swapped)
    for tensor, other in ((left, right), (right, left)):
        if scene.key_of(tensor):
            fixes += _held(scene, tensor, other, axes)
    if 0 in axes and joins:
        fixes += _batch(scene, left, right)
    spatial = [axis for axis in axes if axis >= 2]
    is_map = (left.ndim >= 4 or (left.ndim == 3 and axes == [2])) and not _is_product(scene, left, right)
    if spatial and is_map and not {0, 1} & set(axes):
        fixes += _fitting_maps(scene, left, right)
    elif axes == [1] and left.ndim == 3:
        fixes += _cropped(scene, left, right)
    if spatial and is_map and 1 in axes:
        # No single setting makes both fit, but a projection with a stride.
        fixes += [fix for fix in [projection(scene, left, right)] if fix is not None]
    elif not joins or not spatial:
        for axis in axes:
            if axis not in spatial or not is_map:
                fixes += _fitting_features(scene, left, right, axis)
    return _distinct(fixes)


def _is_product(scene: Scene, *tensors: torch.Tensor) -> bool:
    """Whether one is a matrix of attention or another product, whose axes are no places of a map."""
    for tensor in tensors:
        maker = scene.flow.maker(tensor)
        for call in scene.flow.chain(maker) if maker is not None else ():
            if isinstance(call.module, nn.modules.conv._ConvNd):
                break
            if call.is_function and any(word in call.type for word in _PRODUCTS):
                return True
    return False


def _distinct(fixes: list[Fix]) -> list[Fix]:
    found: list[Fix] = []
    for fix in fixes:
        changes = (fix.edits, fix.statement)
        if not any(any(changes) and changes == (one.edits, one.statement) for one in found):
            found.append(fix)
    return found


def _swapped(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> Fix | None:
    if left.ndim >= 2 and left.shape[-2:] == right.shape[-2:][::-1] and left.shape[:-2] == right.shape[:-2]:
        return scene.wrapped(right, "{}.transpose(-2, -1)", "swap the last two axes of one")
    if left.ndim == 4 and tuple(right.permute(0, 3, 1, 2).shape) == tuple(left.shape):
        return scene.wrapped(right, "{}.permute(0, 3, 1, 2)", "bring the channels of one to axis 1")
    if left.ndim == 4 and tuple(left.permute(0, 3, 1, 2).shape) == tuple(right.shape):
        return scene.wrapped(left, "{}.permute(0, 3, 1, 2)", "bring the channels of one to axis 1")
    if left.ndim == 3 and tuple(right.transpose(0, 1).shape) == tuple(left.shape):
        return scene.wrapped(right, "{}.transpose(0, 1)", "swap the first two axes of one")
    return None


def _held(scene: Scene, held: torch.Tensor, other: torch.Tensor, axes: list[int]) -> list[Fix]:
    """One of the model's own tensors, such as a table of positions."""
    fixes = []
    longer = [axis for axis in axes if held.shape[axis] > other.shape[axis]]
    if longer == axes:
        items = [":"] * held.ndim
        for axis in axes:
            items[axis] = scene.until(other, axis)
        index = ", ".join(items[: max(axes) + 1])
        fixes.append(scene.wrapped(held, f"{{}}[{index}]", "take as many of its entries as are needed"))
    resized = [parameter_fix(scene, held, axis, other.shape[axis]) for axis in axes]
    return fixes + [fix for fix in resized if fix is not None]


def _batch(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> list[Fix]:
    for tensor, other in ((left, right), (right, left)):
        if tensor.shape[0] == 1:
            rest = ", ".join(["-1"] * (tensor.ndim - 1))
            form = f"{{}}.expand({scene.size(other, 0)}, {rest})"
            return [scene.wrapped(tensor, form, "repeat it for every sample")]
    return []


def _fitting_maps(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> list[Fix]:
    """Another setting in one of the branches; resizing; cropping; another input."""
    fixes: list[Fix] = []
    makers = [scene.flow.maker(tensor) for tensor in (left, right)]
    upsampled = None
    if makers[0] is not None and makers[1] is not None:
        parted = branches(scene.flow, makers[0], makers[1])
        found = [
            (change, place)
            for place, (branch, other) in enumerate(((parted.left, right), (parted.right, left)))
            for change in changes_of(branch, list(other.shape[2:]))
        ]
        ranked = [change for change, _ in sorted(found, key=lambda pair: pair[0].rank)[:2]]
        fixes += [scene.changed_at(change.path, {change.setting: change.value}) for change in ranked]
        upsampled = next(
            (tensor for tensor, branch in ((left, parted.left), (right, parted.right)) if _grows(branch)), None
        )
        if fix := projection(scene, left, right):
            fixes.insert(0 if ranked and ranked[0].rank else len(fixes), fix)
    smaller = upsampled if upsampled is not None else min((left, right), key=lambda tensor: tensor.shape[2:].numel())
    other = right if smaller is left else left
    resized = _resized(scene, smaller, other)
    if upsampled is not None:
        multiple = _multiple(scene, makers)
        fixes = [*resized, *multiple, *fixes, *_cropped(scene, left, right)]
    else:
        fixes += [*resized, *_cropped(scene, left, right)]
    return fixes


def _grows(branch: list[CallRecord]) -> bool:
    """Whether a branch makes its map larger somewhere."""
    return any(
        call.input_shapes and call.output_shapes and call.output_shapes[0][-1:] > call.input_shapes[0][-1:]
        for call in branch
        if len(call.output_shapes[:1] and call.output_shapes[0]) > 2
    )


def _resized(scene: Scene, tensor: torch.Tensor, other: torch.Tensor) -> list[Fix]:
    if scene.frame is None or not tensor.is_floating_point():
        return []
    names = scene.frame.f_globals
    functional = torch.nn.functional
    prefix = next((f"{name}." for name, value in names.items() if value is functional), "")
    prefix = prefix or next((f"{name}.functional." for name, value in names.items() if value is torch.nn), "")
    prefix = prefix or "torch.nn.functional."
    name = scene.name_of(other)
    size = f"{name}.shape[2:]" if name else str(tuple(other.shape[2:]))
    form = f"{prefix}interpolate({{}}, size={size})"
    return [scene.wrapped(tensor, form, f"resize {scene.text(tensor, 'one')} to {shape(list(other.shape[2:]))}")]


def _cropped(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> list[Fix]:
    axes = [axis for axis in range(1 if left.ndim == 3 else 2, left.ndim) if left.shape[axis] != right.shape[axis]]
    if (
        scene.call is not None
        and scene.call.args
        and isinstance(scene.call.args[0], list | tuple)
        and len(scene.call.args[0]) > 2
    ):
        return []
    for tensor, other in ((left, right), (right, left)):
        if axes and all(tensor.shape[axis] > other.shape[axis] for axis in axes):
            items = [scene.until(other, axis) if axis in axes else ":" for axis in range(left.ndim)]
            return [
                scene.wrapped(
                    tensor, f"{{}}[{', '.join(items[: max(axes) + 1])}]", f"crop {scene.text(tensor, 'the larger one')}"
                )
            ]
    return []


def _multiple(scene: Scene, makers: list[CallRecord | None]) -> list[Fix]:
    """Inputs whose sides pass every halving evenly."""
    first = scene.root.input_shapes[0] if scene.root is not None and scene.root.input_shapes else []
    steps = max((shrinking(scene.flow, maker, len(first) - 2) for maker in makers if maker is not None), default=1)
    if len(first) < 3 or steps < 2 or all(size % steps == 0 for size in first[2:]):
        return []
    better = [*first[:2], *(-(-size // steps) * steps for size in first[2:])]
    return [Fix(text=f"or give inputs whose sides are multiples of {steps}: --input '{'x'.join(map(str, better))}'")]


def _is_behind(scene: Scene, call: CallRecord, tensor: torch.Tensor) -> bool:
    """Whether a tensor is made from what a call returned."""
    maker = scene.flow.maker(tensor)
    return maker is not None and any(one is call for one in scene.flow.back(maker))


def _fitting_features(scene: Scene, left: torch.Tensor, right: torch.Tensor, axis: int) -> list[Fix]:
    """Channels or features that differ: a projection of the shortcut, or the layer that made them otherwise."""
    fixes: list[Fix] = []
    places = [(tensor, axis - left.ndim) for tensor in (left, right)]
    if left.ndim == right.ndim and (fix := projection(scene, left, right)):
        fixes.append(fix)
    following = taken_next(scene)
    changes = []
    for (tensor, place), other in zip(places, (right, left), strict=True):
        if -place > tensor.ndim or -place > other.ndim:
            continue
        made = made_size(scene, tensor, place % tensor.ndim)
        if made is None:
            continue
        if _is_behind(scene, made[0], other):
            # The other operand is made from what this layer gives too: it would change with it.
            continue
        fix = resized_producers(scene, made, tensor.shape[place], other.shape[place], tensor)
        if fix is not None:
            changes.append((following != other.shape[place], fix))
    changes.sort(key=lambda pair: pair[0])
    if changes and not changes[0][0]:
        # What comes next takes the other's size: that is what was meant.
        return [fix for _, fix in changes[:1]] + fixes + [fix for _, fix in changes[1:]]
    return fixes + [fix for _, fix in changes]
