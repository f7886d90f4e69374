"""Devices that are not there, operands on several or of several dtypes, and dtypes that a function does not take."""

import ast

import torch

from inspector.core.table import Fix
from inspector.engine.pytorch.absent_devices import absent_device
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, bracketed, tensors_of
from inspector.engine.pytorch.mixed_dtypes import mixed_dtypes


@explains()
def mixed_devices(scene: Scene) -> Explained | None:
    """Operands on several devices, for whatever function."""
    tensors = [tensor for tensor in tensors_of(scene) if tensor.ndim or scene.key_of(tensor)]
    devices = list(dict.fromkeys(str(tensor.device) for tensor in tensors))
    if len(devices) < 2:
        return None
    groups = []
    for device in devices:
        there = [scene.text(tensor, "an operand") for tensor in tensors if str(tensor.device) == device]
        groups.append(f"{', '.join(there)} on {device}")
    fixes: list[Fix] = []
    held = next((tensor for tensor in tensors if scene.key_of(tensor)), tensors[0])
    for tensor in tensors:
        if tensor.device == held.device:
            continue
        target = scene.node_of(held)
        to = f".to({bracketed(scene.file, target)}.device)" if target is not None else f'.to("{held.device}")'
        fixes.append(scene.wrapped(tensor, "{}" + to, "move it to the other's device"))
    return Explained(f"the operands are on different devices: {' and '.join(groups)}", fixes)


@explains()
def absent_devices(scene: Scene) -> Explained | None:
    """A device asked for by name that this machine does not have."""
    device = absent_device(scene.call) if scene.call is not None else None
    if device is None:
        return None
    near = f"{_tensor_at_hand(scene)}.device"
    why = f"this machine has no {device}, which the line asks for by name"
    text = f"write device={near}, so that it lies where its partners do"
    node = scene.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and scene.written_function == "cuda":
        owner = bracketed(scene.file, node.func.value)
        return Explained(why, [scene.replaced(text, (node, f"{owner}.to({near})"))])
    named = [one.value for one in node.keywords if one.arg == "device"] if isinstance(node, ast.Call) else []
    placed = node.args[:1] if isinstance(node, ast.Call) and scene.written_function == "to" else []
    written = next(iter([*named, *placed]), None)
    return Explained(why, [scene.replaced(text, (written, near)) or Fix(text=text)])


def _tensor_at_hand(scene: Scene) -> str:
    """The first argument of the failing function that is a tensor, else ``x``."""
    frame = scene.frame
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount] if frame is not None else ()
    local = frame.f_locals if frame is not None else {}
    return next((name for name in names if isinstance(local.get(name), torch.Tensor)), "x")


@explains()
def mixed_types(scene: Scene) -> Explained | None:
    """Operands of several dtypes, for the functions that take one only."""
    if scene.call is None:
        return None
    mixed = mixed_dtypes(scene.call.func, scene.call.args, scene.call.kwargs)
    if not mixed:
        return None
    tensors = tensors_of(scene)
    held = next((tensor for tensor in tensors if scene.key_of(tensor)), None)
    target = held if held is not None else max(tensors, key=lambda tensor: tensor.dtype.is_floating_point)
    fixes = []
    for tensor in tensors:
        if tensor.dtype == target.dtype or scene.key_of(tensor):
            continue
        name = str(target.dtype)
        fixes.append(scene.wrapped(tensor, f"{{}}.to({name})", f"convert it to {name.removeprefix('torch.')}"))
        if scene.flow.maker(tensor) is scene.root and scene.root is not None:
            sizes = "x".join(map(str, tensor.shape))
            fixes.append(Fix(text=f"or give an input of that dtype: --input '{sizes}:{name.removeprefix('torch.')}'"))
    if not fixes:
        fixes.append(
            Fix(
                text=f"make the model's tensors one dtype: model.to({target.dtype})",
                statement=f"model.to({target.dtype})",
            )
        )
    listed = " and ".join(mixed)
    which = ", ".join(
        f"{scene.text(tensor, 'an operand')} is {str(tensor.dtype).removeprefix('torch.')}" for tensor in tensors[:3]
    )
    return Explained(f"the operands have different dtypes: {listed} ({which})", fixes)


@explains("embedding embedding_bag one_hot", signature="input weight")
def indices_that_are_no_integers(scene: Scene) -> Explained | None:
    """Indices that are floating point."""
    given = scene.argument("input")
    if not isinstance(given, torch.Tensor) or not (given.is_floating_point() or given.dtype == torch.bool):
        return None
    kind = str(given.dtype).removeprefix("torch.")
    why = f"{scene.text(given)} is {kind}: indices are integers, int64 or int32"
    fixes = [scene.wrapped(given, "{}.long()", "convert it to integers")]
    if scene.flow.maker(given) is scene.root and scene.root is not None:
        sizes = "x".join(map(str, given.shape))
        weight = scene.argument("weight")
        top = f"~range(0,{weight.shape[0]})" if isinstance(weight, torch.Tensor) else ""
        fixes.insert(0, Fix(text=f"give integers as the input: --input '{sizes}:int64{top}'"))
    return Explained(why, fixes)


_FLOATING = (
    "softmax log_softmax mean std var layer_norm batch_norm dropout gelu silu sigmoid norm var_mean std_mean "
    "instance_norm group_norm leaky_relu elu relu6 hardtanh interpolate avg_pool2d avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool1d max_pool2d normalize grid_sample scaled_dot_product_attention conv1d conv2d linear"
)


@explains(_FLOATING, signature="input")
def integers_where_floats_are_taken(scene: Scene) -> Explained | None:
    """Functions that work on floating point numbers only."""
    given = scene.argument("input")
    if not isinstance(given, torch.Tensor) or given.is_floating_point() or given.is_complex():
        return None
    kind = str(given.dtype).removeprefix("torch.")
    why = f"{scene.text(given)} is {kind}, {scene.name} takes floating point numbers"
    return Explained(why, [scene.wrapped(given, "{}.float()", "convert it")])


@explains("cross_entropy nll_loss", signature="input target")
def targets_of_a_loss(scene: Scene) -> Explained | None:
    """Classes that are no integers, or not one for each sample."""
    given, target = scene.argument("input"), scene.argument("target")
    if given.ndim > 1 and target.ndim == 1 and target.shape[0] != given.shape[0]:
        why = (
            f"{scene.with_shape(given)} has {given.shape[0]} samples, {scene.with_shape(target)} has {target.shape[0]}"
        )
        if given.ndim == 3 and target.shape[0] == given.shape[0] * given.shape[1]:
            return Explained(why, [scene.wrapped(given, "{}.flatten(0, 1)", "flatten batch and positions")])
        return Explained(why)
    if given.ndim == 3 and target.ndim == 2 and given.shape[1] != target.shape[-1] and given.shape[:2] == target.shape:
        why = f"classes stand on axis 1, {scene.with_shape(given)} has them on the last"
        return Explained(why, [scene.wrapped(given, "{}.transpose(1, 2)", "bring the classes to axis 1")])
    if target.is_floating_point() and target.shape != given.shape:
        why = f"{scene.text(target)} is {str(target.dtype).removeprefix('torch.')}: classes are int64"
        return Explained(why, [scene.wrapped(target, "{}.long()", "convert it")])
    if not target.is_floating_point() and target.dtype != torch.int64:
        return Explained(
            f"{scene.text(target)} is {str(target.dtype).removeprefix('torch.')}: classes are int64",
            [scene.wrapped(target, "{}.long()", "convert it")],
        )
    return None


@explains("binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss", signature="input target")
def shapes_of_a_loss(scene: Scene) -> Explained | None:
    """A target of another shape than the prediction."""
    given, target = scene.argument("input"), scene.argument("target")
    if given.shape == target.shape:
        return None
    why = f"{scene.with_shape(given)} and {scene.with_shape(target)} have different shapes"
    if given.numel() == target.numel():
        return Explained(
            why, [scene.wrapped(target, "{}" + f".reshape({tuple(given.shape)})", "give it the same shape")]
        )
    return Explained(why)
