"""Convolutions and pooling: axes, channels, groups, and kernels that are longer than their input."""

from math import isqrt, prod

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.branch_sizes import input_for
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.explaining.settings import feature_fixes, made_size, parameter_fix
from inspector.engine.pytorch.op_calls import each
from inspector.engine.pytorch.user_source import text_of

ORDINARY_KERNEL = 3
_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
_CONVOLUTION = "input weight bias stride padding dilation groups"
_POOLS = "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d"
_ADAPTIVE = (
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
)


@explains(_CONVOLUTIONS, signature=_CONVOLUTION)
def axes_of_a_convolution(scene: Scene) -> Explained | None:
    """A tensor with too few or too many axes."""
    given, spatial = scene.argument("input"), scene.argument("weight").ndim - 2
    if given.ndim in (spatial + 1, spatial + 2):
        return None
    return _wrong_axes(scene, given, spatial, _channels(scene))


def _wrong_axes(scene: Scene, given: torch.Tensor, spatial: int, channels: int | None) -> Explained:
    why = (
        f"the layer takes {spatial + 2} axes (batch, channels, {spatial} spatial), "
        f"{scene.with_shape(given)} has {given.ndim}"
    )
    fixes: list[Fix] = []
    sizes = list(given.shape)
    if given.ndim == spatial:
        form = "[None, None]" if channels == 1 else f".expand(1, {channels}, {', '.join(['-1'] * spatial)})"
        fixes.append(scene.wrapped(given, "{}" + form, "add the axes of batch and channels"))
    elif given.ndim == 2 and channels and sizes[1] % channels == 0:
        rest = sizes[1] // channels
        side = isqrt(rest)
        spread = [side] * 2 if spatial == 2 and side * side == rest else [1] * (spatial - 1) + [rest]
        form = f"unflatten(1, ({channels}, {', '.join(map(str, spread))}))"
        layer = f"Unflatten(1, ({channels}, {', '.join(map(str, spread))}))"
        fixes.append(scene.wrapped(given, f"{{}}.{form}", "make a map of the flat features", layer))
    elif given.ndim == spatial + 3:
        if channels is not None and sizes[2] == channels:
            fixes.append(
                scene.wrapped(given, "{}.flatten(0, 1)", "put the first two axes into the batch", "Flatten(0, 1)")
            )
        else:
            fixes.append(scene.wrapped(given, "{}.flatten(1, 2)", "put axes 1 and 2 together", "Flatten(1, 2)"))
    elif given.ndim == 2 and spatial == 1:
        fixes.append(scene.wrapped(given, "{}.unsqueeze(1)", "add the axis of channels", "Unflatten(1, (1, -1))"))
    elif given.ndim < spatial:
        missing = spatial + 2 - given.ndim
        fixes.append(
            scene.wrapped(given, "{}[" + "..., " + ", ".join(["None"] * missing) + "]", "add the axes that are missing")
        )
    return Explained(why, fixes)


@explains(_CONVOLUTIONS, signature=_CONVOLUTION)
def channels_of_a_convolution(scene: Scene) -> Explained | None:
    """Another number of channels than the layer takes."""
    given, weight = scene.argument("input"), scene.argument("weight")
    spatial, channels = weight.ndim - 2, _channels(scene)
    got = given.shape[-spatial - 1]
    if got == channels or channels is None:
        return None
    why = f"the layer takes {channels} channels, {scene.with_shape(given)} has {got}"
    sizes = list(given.shape)
    fixes: list[Fix] = []
    batched = given.ndim == spatial + 2
    if channels in sizes[-spatial:] and sizes.count(channels) == 1:
        axis = sizes.index(channels)
        order = [one for one in range(given.ndim) if one != axis]
        order.insert(given.ndim - spatial - 1, axis)
        said = "the channels seem to come last" if axis == given.ndim - 1 else f"axis {axis} has {channels}"
        fixes.append(
            scene.wrapped(given, f"{{}}.permute{tuple(order)}", f"{said}: permute{tuple(order)} puts them first")
        )
    if not batched and channels == 1:
        fixes.append(
            scene.wrapped(
                given,
                "{}.unsqueeze(1)",
                "the axis of channels is missing: the batch was taken for it",
                "Unflatten(0, (-1, 1))",
            )
        )
    if not batched and sizes[0] != channels and len(sizes) > 1 and sizes[1] == channels:
        form = "{}" + ".unsqueeze(-1)"
        fixes.append(scene.wrapped(given, form, "an axis is missing: the batch was taken for the channels"))
    groups = scene.argument("groups", 1)
    transposed = "transpose" in scene.name
    if groups == 1 or (got % groups == 0):
        fixes += feature_fixes(scene, given, got, channels, "in_channels", None)
    elif isinstance(scene.module, nn.modules.conv._ConvNd):
        depthwise = scene.module.out_channels == groups
        settings: dict[str, object] = {"in_channels": got, "groups": got}
        if depthwise:
            settings["out_channels"] = got
        if depthwise or scene.module.out_channels % got == 0:
            fixes.append(scene.changed_at(scene.path, settings))
        fixes += feature_fixes(scene, given, got, channels, "", None)
    if scene.module is None and not transposed and (fix := parameter_fix(scene, weight, 1, got)):
        fixes.append(fix)
    return Explained(why, fixes)


def _channels(scene: Scene) -> int | None:
    weight = scene.argument("weight")
    if "transpose" in scene.name:
        return int(weight.shape[0])
    return int(weight.shape[1]) * int(scene.argument("groups", 1))


@explains(_CONVOLUTIONS, signature=_CONVOLUTION)
def kernel_of_a_convolution(scene: Scene) -> Explained | None:
    """A kernel that is longer than its padded input."""
    given, weight = scene.argument("input"), scene.argument("weight")
    spatial = weight.ndim - 2
    padding = scene.argument("padding", 0)
    if "transpose" in scene.name or isinstance(padding, str):
        return None
    sizes, kernel = list(given.shape[-spatial:]), list(weight.shape[2:])
    dilation, padded = each(scene.argument("dilation", 1), spatial), each(padding, spatial)
    # A padding mode other than zeros pads before the call.
    return _too_long(scene, given, sizes, kernel, dilation, padded)


def _too_long(
    scene: Scene, given: torch.Tensor, sizes: list[int], kernel: list[int], dilation: list[int], padding: list[int]
) -> Explained | None:
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    room = [size + 2 * pad for size, pad in zip(sizes, padding, strict=True)]
    if all(have >= need for have, need in zip(room, reach, strict=True)):
        return None
    needed = [need - 2 * pad for need, pad in zip(reach, padding, strict=True)]
    with_dilation = f" (dilation {shape(dilation)} makes it {shape(reach)})" if reach != kernel else ""
    with_padding = f", padded {shape(room)}" if any(padding) else ""
    why = (
        f"the kernel of {shape(kernel)}{with_dilation} is longer than its input: {scene.with_shape(given)} is "
        f"{shape(sizes)}{with_padding}; it takes at least {shape(needed)}"
    )
    more = [max(0, need - size + 1) // 2 for need, size in zip(reach, sizes, strict=True)]
    fixes: list[Fix] = []
    if hasattr(scene.module, "padding") and all(2 * pad <= k for pad, k in zip(more, kernel, strict=True)):
        fixes.append(scene.changed(padding=_setting(more)))
    if hasattr(scene.module, "kernel_size"):
        smaller = [min(k, (size - 1) // d + 1) for k, d, size in zip(kernel, dilation, room, strict=True)]
        fixes.append(scene.changed(kernel_size=_setting(smaller)))
    elif scene.module is None:
        smaller = [min(k, size) for k, size in zip(kernel, room, strict=True)]
        node = scene.node_of(scene.argument("kernel_size"))
        fix = scene.replaced(
            f"kernel_size={_setting(smaller)} instead of {_setting(kernel)}", (node, repr(_setting(smaller)))
        )
        fixes += [fix] if fix is not None else []
    larger = _larger_input(scene, given, needed)
    # An ordinary kernel is not at fault: the input is small.
    fixes = [*larger, *fixes] if max(reach) <= ORDINARY_KERNEL else [*fixes, *larger]
    shrunk = _shrunk(scene, given)
    return Explained(f"{why}{f' — shrunk by {shrunk}' if shrunk else ''}", fixes)


def _larger_input(scene: Scene, given: torch.Tensor, needed: list[int]) -> list[Fix]:
    """The smallest input of the model that leaves enough here."""
    maker = scene.flow.maker(given)
    calls = list(scene.flow.chain(maker, first=True)) if maker is not None else []
    if not calls or calls[-1] is not scene.root or len(scene.root.input_shapes) != 1:
        return []
    sizes, first = input_for(calls[:-1], needed), scene.root.input_shapes[0]
    if sizes is None or len(first) != given.ndim:
        return []
    better = [*first[: -len(sizes)], *(max(one, other) for one, other in zip(sizes, first[-len(sizes) :], strict=True))]
    least = shape(better[-len(sizes) :])
    return [Fix(text=f"give an input of at least {least}: --input '{'x'.join(map(str, better))}'")]


def _shrunk(scene: Scene, given: torch.Tensor) -> str:
    """The calls that halved the map on its way, as "conv1 64 → 32, pool 32 → 16"."""
    maker = scene.flow.maker(given)
    steps = []
    for call in scene.flow.chain(maker) if maker is not None else ():
        if call.input_shapes and call.output_shapes and call is not scene.root:
            before, after = call.input_shapes[0], call.output_shapes[0]
            if len(before) == len(after) == given.ndim and before[-1] > after[-1]:
                steps.append(f"{scene.called(call)} {before[-1]} → {after[-1]}")
    return ", ".join(reversed(steps[:6]))


def _setting(numbers: list[int]) -> int | tuple[int, ...]:
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


@explains(_CONVOLUTIONS + " " + _POOLS, signature=_CONVOLUTION)
def groups_of_a_convolution(scene: Scene) -> Explained | None:
    """A kernel of an impossible shape: channels that do not divide into the groups."""
    weight, groups = scene.argument("weight"), scene.argument("groups", 1)
    if not isinstance(weight, torch.Tensor) or not isinstance(groups, int) or weight.shape[0] % groups == 0:
        return None
    return Explained(f"the {weight.shape[0]} kernels do not divide into {groups} groups")


@explains(_POOLS, signature="input kernel_size stride padding")
def window_of_a_pool(scene: Scene) -> Explained | None:
    """A pooling window that is longer than its input, or padding that is longer than half of the window."""
    given = scene.argument("input")
    spatial = int(scene.name[-2])
    if given.ndim not in (spatial + 1, spatial + 2):
        return _wrong_axes(scene, given, spatial, None)
    kernel = each(scene.argument("kernel_size"), spatial)
    padding = each(scene.argument("padding") or 0, spatial)
    if any(2 * pad > k for pad, k in zip(padding, kernel, strict=True)):
        why = f"padding {shape(padding)} is more than half of the window of {shape(kernel)}"
        less = _setting([min(pad, k // 2) for pad, k in zip(padding, kernel, strict=True)])
        return Explained(why, [scene.changed(padding=less)] if hasattr(scene.module, "padding") else [])
    dilation = each(scene.argument("dilation", 1) or 1, spatial) if scene.name.startswith("max") else [1] * spatial
    return _too_long(scene, given, list(given.shape[-spatial:]), kernel, dilation, padding)


@explains(_ADAPTIVE, signature="input output_size")
def axes_of_an_adaptive_pool(scene: Scene) -> Explained | None:
    """A tensor with too few or too many axes, or an output size with another number of them."""
    given, spatial = scene.argument("input"), int(scene.name[-2])
    if given.ndim not in (spatial + 1, spatial + 2):
        return _wrong_axes(scene, given, spatial, None)
    size = scene.argument("output_size")
    if isinstance(size, list | tuple) and len(size) != spatial:
        return Explained(f"output_size has {len(size)} numbers for {spatial} spatial axes")
    return None


@explains("pixel_shuffle", signature="input upscale_factor")
def channels_of_a_pixel_shuffle(scene: Scene) -> Explained | None:
    """Channels that do not make whole pixels."""
    given, factor = scene.argument("input"), scene.argument("upscale_factor")
    channels = given.shape[-3]
    if not isinstance(factor, int) or factor < 1 or channels % factor**2 == 0:
        return None
    why = (
        f"a pixel shuffle by {factor} takes a multiple of {factor}² = {factor**2} channels, "
        f"{scene.with_shape(given)} has {channels}"
    )
    fixes = []
    made = made_size(scene, given, -3)
    wanted = -(-channels // factor**2) * factor**2
    if made is not None:
        fixes.append(scene.changed_at(made[0].path, {made[1]: wanted}))
    possible = [number for number in range(factor, 1, -1) if channels % number**2 == 0]
    if possible and scene.module is not None:
        fixes.append(scene.changed(upscale_factor=possible[0]))
    return Explained(why, fixes)


@explains("pixel_unshuffle", signature="input downscale_factor")
def sides_of_a_pixel_unshuffle(scene: Scene) -> Explained | None:
    """Sides that do not divide by the factor."""
    given, factor = scene.argument("input"), scene.argument("downscale_factor")
    wrong = [size for size in given.shape[-2:] if size % factor]
    if not wrong:
        return None
    why = (
        f"sides of {scene.with_shape(given)} do not divide by {factor}: {wrong[0]} = "
        f"{wrong[0] // factor}·{factor} + {wrong[0] % factor}"
    )
    form = ", ".join(f":{size // factor * factor}" for size in given.shape[-2:])
    return Explained(why, [scene.wrapped(given, f"{{}}[..., {form}]", "crop it to a multiple")])


_MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}


@explains("interpolate", signature="input size scale_factor mode")
def axes_of_an_interpolation(scene: Scene) -> Explained | None:
    """A mode or a size for another number of axes."""
    given, mode = scene.argument("input"), scene.argument("mode", "nearest")
    size, factor = scene.argument("size"), scene.argument("scale_factor")
    for name, value in (("size", size), ("scale_factor", factor)):
        if isinstance(value, list | tuple) and len(value) != given.ndim - 2:
            why = f"{name} has {len(value)} numbers, {scene.with_shape(given)} has {given.ndim - 2} spatial axes"
            node = scene.node_of(value)
            text = f"({text_of(scene.file, node)})[-{given.ndim - 2}:]" if node is not None else ""
            fix = scene.replaced(f"give the last {given.ndim - 2} of them", (node, text))
            return Explained(why, [fix])
    if (size is None) == (factor is None):
        return Explained("an interpolation takes either size or scale_factor, and just one of them")
    meant = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}.get(mode)
    if meant is None or meant == given.ndim or given.ndim not in _MODES:
        return None
    why = f"mode '{mode}' takes {meant} axes, {scene.with_shape(given)} has {given.ndim}"
    better = _MODES[given.ndim]
    if hasattr(scene.module, "mode"):
        return Explained(why, [scene.changed(mode=better)])
    fix = scene.replaced(f"mode='{better}'", (scene.node_of(mode), repr(better)))
    return Explained(why, [fix])


@explains("pad", signature="input pad mode")
def room_for_a_padding(scene: Scene) -> Explained | None:
    """Reflected padding that is longer than the input, or numbers for more axes than there are."""
    given, numbers, mode = scene.argument("input"), scene.argument("pad"), scene.argument("mode", "constant")
    if len(numbers) % 2 or len(numbers) // 2 > given.ndim:
        return Explained(f"{len(numbers)} paddings are given, two for each axis of {scene.with_shape(given)} are taken")
    for place in range(len(numbers) // 2):
        size, most = given.shape[-1 - place], max(numbers[2 * place : 2 * place + 2])
        if (mode == "reflect" and most >= size) or (mode == "circular" and most > size):
            why = f"padding of {most} by mode '{mode}' needs more than the {size} of {scene.with_shape(given)}"
            fix = scene.replaced("pad with the border's value", (scene.node_of(mode), "'replicate'"))
            changed = scene.changed(padding_mode="replicate") if hasattr(scene.module, "padding_mode") else fix
            return Explained(why, [changed] if changed is not None else [])
    return None


@explains("unflatten", signature="input dim sizes")
def sizes_of_an_unflatten(scene: Scene) -> Explained | None:
    """Sizes that do not multiply to the axis that is cut up."""
    given, dim, sizes = scene.argument("input"), scene.argument("dim"), scene.argument("sizes")
    if not isinstance(dim, int) or not isinstance(sizes, list | tuple):
        return None
    total, known = given.shape[dim], prod(size for size in sizes if size != -1)
    if total == known or (-1 in sizes and known and total % known == 0):
        return None
    why = f"{' · '.join(map(str, sizes))} = {known}, axis {dim} of {scene.with_shape(given)} has {total}"
    made = made_size(scene, given, dim)
    fixes = []
    if made is not None and -1 not in sizes:
        fixes.append(scene.changed_at(made[0].path, {made[1]: known}))
    rest = prod(size for size in sizes[1:])
    if rest > 0 and total % rest == 0:
        better = (total // rest, *sizes[1:])
        if hasattr(scene.module, "unflattened_size"):
            fixes.append(scene.changed(unflattened_size=better))
    return Explained(why, fixes)


@explains("glu", signature="input dim")
def halves_of_a_glu(scene: Scene) -> Explained | None:
    """An axis of odd length, which has no halves."""
    given, dim = scene.argument("input"), scene.argument("dim", -1)
    size = given.shape[dim]
    if size % 2 == 0:
        return None
    made = made_size(scene, given, dim)
    fixes = [scene.changed_at(made[0].path, {made[1]: size + 1})] if made is not None else []
    return Explained(f"a gated unit halves axis {dim}, of {scene.with_shape(given)} that is {size}", fixes)
