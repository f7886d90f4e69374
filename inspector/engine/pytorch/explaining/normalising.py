"""Norms: their channels, their axes, groups, and a batch of one value."""

from math import prod

from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import reclassed
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, bracketed
from inspector.engine.pytorch.explaining.settings import feature_fixes, parameter_fix
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.user_source import text_of

_NAMES = {
    nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,),
    nn.InstanceNorm1d: (2, 3), nn.InstanceNorm2d: (3, 4), nn.InstanceNorm3d: (4, 5),
}  # fmt: skip
"""How many axes each takes."""
_BATCH, _INSTANCE = (
    [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d],
    [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d],
)


@explains(*_NAMES)
def axes_of_a_norm(scene: Scene) -> Explained | None:
    """A norm for images on something else."""
    given = next(tensors_in(scene.given), None)
    cls = next((one for one in _NAMES if isinstance(scene.module, one)), None)
    if given is None or cls is None or given.ndim in _NAMES[cls]:
        return None
    taken = " or ".join(map(str, _NAMES[cls]))
    why = f"nn.{cls.__name__} takes {taken} axes, {scene.with_shape(given)} has {given.ndim}"
    family = _BATCH if cls in _BATCH else _INSTANCE
    fixes: list[Fix] = []
    features = getattr(scene.module, "num_features", None)
    better = next((one for one in family if given.ndim in _NAMES[one]), None)
    unbatched = given.ndim + 1 in _NAMES[cls] and given.shape[0] == features
    if unbatched:
        fixes.append(
            scene.wrapped(given, "{}.unsqueeze(0)", "the axis of the batch is missing: add it", "Unflatten(0, (1, -1))")
        )
    if better is not None and given.ndim > 1 and given.shape[1] == features:
        fixes += [fix for fix in [reclassed(scene.model, scene.path, better)] if fix is not None]
    return Explained(why, fixes)


@explains("batch_norm", signature="input running_mean running_var weight bias training")
def one_value_in_a_batch(scene: Scene) -> Explained | None:
    """A batch from which no variance can be worked out."""
    given = scene.argument("input")
    if not scene.argument("training") or given.ndim < 2 or given.shape[0] * prod(given.shape[2:]) > 1:
        return None
    why = (
        f"in train mode the norm works out mean and variance of each channel over batch and positions; "
        f"{scene.with_shape(given)} has one value in each"
    )
    fixes = []
    first = scene.root.input_shapes[0] if scene.root is not None and scene.root.input_shapes else None
    if first:
        fixes.append(
            Fix(text=f"give two samples or more: --input '{'x'.join(map(str, [max(2, 2 * first[0]), *first[1:]]))}'")
        )
    fixes.append(
        Fix(text="or open the model without --train: eval mode takes the running statistics", statement="model.eval()")
    )
    return Explained(why, fixes)


@explains("batch_norm", signature="input running_mean running_var weight bias")
@explains("instance_norm", signature="input running_mean running_var weight bias")
def channels_of_a_norm(scene: Scene) -> Explained | None:
    """Another number of channels than the norm holds statistics and scales for."""
    given = scene.argument("input")
    held = next((one for one in map(scene.argument, ("running_mean", "weight", "bias")) if one is not None), None)
    if held is None or given.ndim < 2:
        return None
    wanted, got = held.shape[0], given.shape[1]
    if wanted == got:
        return None
    fixes = []
    if wanted == given.shape[-1] and given.ndim > 2:
        fixes.append(scene.wrapped(given, "{}.movedim(-1, 1)", "the channels seem to come last: bring them to axis 1"))
    fixes += feature_fixes(scene, given, got, wanted, "num_features", None)
    return Explained(f"the layer normalises {wanted} channels on axis 1, {scene.with_shape(given)} has {got}", fixes)


@explains("layer_norm rms_norm", signature="input normalized_shape weight")
def shape_of_a_layer_norm(scene: Scene) -> Explained | None:
    """Last axes of other sizes than the norm was made for."""
    given, wanted = scene.argument("input"), list(scene.argument("normalized_shape"))
    got = list(given.shape[-len(wanted) :])
    if got == wanted:
        return None
    why = f"the norm is made for {shape(wanted)} on the last axes, {scene.with_shape(given)} ends in {shape(got)}"
    fixes: list[Fix] = []
    if len(wanted) == 1 and given.ndim > 2 and wanted[0] in given.shape[1:-1]:
        axis = list(given.shape).index(wanted[0], 1)
        node = scene.node
        form = f"{{}}.movedim({axis}, -1)"
        wrapped = scene.wrapped(given, form, f"axis {axis} has {wanted[0]}: bring it to the end")
        fixes.append(wrapped)
        if node is not None and (inner := scene.node_of(given)) is not None:
            whole, part = text_of(scene.file, node), text_of(scene.file, inner)
            at = whole.rfind(part)
            text = whole[:at] + form.format(bracketed(scene.file, inner)) + whole[at + len(part) :]
            fix = scene.replaced(
                f"axis {axis} has {wanted[0]}: normalise it as the last one, and put it back",
                (node, f"{text}.movedim(-1, {axis})"),
            )
            if fix is not None:
                fixes.insert(0, fix)
    if scene.module is not None:
        fixes.append(scene.changed(normalized_shape=got[0] if len(got) == 1 else tuple(got)))
    else:
        fixes += feature_fixes(scene, given, got[-1], wanted[-1], "", None)
    return Explained(why, fixes)


@explains("group_norm", signature="input num_groups weight")
def groups_of_a_norm(scene: Scene) -> Explained | None:
    """Channels that do not divide into the groups, or another number of them."""
    given, groups, weight = scene.argument("input"), scene.argument("num_groups"), scene.argument("weight")
    channels = given.shape[1]
    possible = [number for number in range(groups, 0, -1) if channels % number == 0]
    if weight is not None and weight.shape[0] != channels:
        why = f"the norm is made for {weight.shape[0]} channels, {scene.with_shape(given)} has {channels}"
        settings: dict[str, object] = {"num_channels": channels}
        if channels % groups:
            settings["num_groups"] = possible[0]
        return Explained(why, [scene.changed_at(scene.path, settings)] if scene.module is not None else [])
    if channels % groups == 0:
        return None
    why = f"{channels} channels of {scene.with_shape(given)} do not divide into {groups} groups"
    return Explained(
        why,
        [scene.changed(num_groups=possible[0])] if scene.module is not None else _in_line(scene, groups, possible[0]),
    )


def _in_line(scene: Scene, old: object, new: object) -> list[Fix]:
    fix = scene.replaced(f"{new!r} instead of {old!r}", (scene.node_of(old), repr(new)))
    return [fix] if fix is not None else []


@explains("prelu", signature="input weight")
def slopes_of_a_prelu(scene: Scene) -> Explained | None:
    """Slopes for another number of channels."""
    given, weight = scene.argument("input"), scene.argument("weight")
    channels = given.shape[1] if given.ndim > 1 else 1
    if weight.numel() in (1, channels):
        return None
    why = f"the layer has {weight.numel()} slopes, {scene.with_shape(given)} has {channels} channels"
    fix = (
        scene.changed(num_parameters=channels)
        if scene.module is not None
        else parameter_fix(scene, weight, 0, channels)
    )
    return Explained(why, [fix])
