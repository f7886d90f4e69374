"""A projection on the shortcut of a residual block whose branch changes channels or sizes."""

import ast

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.explaining.constructing import finished, known_names, literal, statement_for
from inspector.engine.pytorch.explaining.makings import class_definition
from inspector.engine.pytorch.explaining.producers import branches
from inspector.engine.pytorch.explaining.scene import Scene, bracketed
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import text_of, tree_of


def projection(scene: Scene, left: torch.Tensor, right: torch.Tensor) -> Fix | None:
    """A 1×1 convolution, or a linear layer, that brings the shortcut to the branch's channels and sizes."""
    makers = [scene.flow.maker(tensor) for tensor in (left, right)]
    if makers[0] is None or makers[1] is None or left.ndim not in (2, 3, 4, 5):
        return None
    parted = branches(scene.flow, makers[0], makers[1])
    for tensor, other, branch in ((left, right, parted.left), (right, left, parted.right)):
        layers = [call for call in branch if not isinstance(call.module, nn.Identity)]
        if layers or parted.fork is None:
            continue
        layer = _layer(scene, tensor, other)
        if layer is None:
            return None
        why = "project the shortcut to the branch's size"
        unused = _unused(scene, branch)
        if unused is not None:
            cls, numbers, keywords = layer
            made = ", ".join([*map(str, numbers), *(f"{name}={value}" for name, value in keywords.items())])
            statement = statement_for(scene.model, unused, f"nn.{cls}({made})")
            return finished(why, [], [statement]) if statement else None
        return _written(scene, tensor, layer, why)
    return None


def _layer(
    scene: Scene, tensor: torch.Tensor, other: torch.Tensor
) -> tuple[str, list[int], dict[str, int | tuple[int, ...]]] | None:
    is_map = tensor.ndim > 3 or (
        tensor.ndim == 3 and tensor.shape[-1] != other.shape[-1] and _is_convolved(scene, other)
    )
    if not is_map and not (tensor.ndim == 3 and tensor.shape[1] != other.shape[1]):
        if tensor.shape[:-1] != other.shape[:-1]:
            return None
        return "Linear", [tensor.shape[-1], other.shape[-1]], {}
    strides = []
    for size, wanted in zip(tensor.shape[2:], other.shape[2:], strict=True):
        fitting = [number for number in range(1, 9) if (size - 1) // number + 1 == wanted]
        if not fitting:
            return None
        strides.append(fitting[0])
    keywords: dict[str, int | tuple[int, ...]] = {"kernel_size": 1}
    if set(strides) != {1}:
        keywords["stride"] = strides[0] if len(set(strides)) == 1 else tuple(strides)
    return f"Conv{tensor.ndim - 2}d", [tensor.shape[1], other.shape[1]], keywords


def _is_convolved(scene: Scene, tensor: torch.Tensor) -> bool:
    maker = scene.flow.maker(tensor)
    return any(isinstance(call.module, nn.modules.conv._ConvNd) for call in (scene.flow.chain(maker) if maker else ()))


def _unused(scene: Scene, branch: list[CallRecord]) -> str | None:
    """The path of an Identity on the shortcut, or of an attribute that is None and that the forward would call."""
    for call in branch:
        if isinstance(call.module, nn.Identity):
            return call.path
    me = scene.frame_path
    module = scene.model.get_submodule(me)
    prefix = f"{me}." if me else ""
    for name, child in module._modules.items():
        if isinstance(child, nn.Sequential | nn.Identity) and not len(list(child.children())):
            return prefix + name
    if scene.frame is None:
        return None
    names = {name for held in (module._modules, module.__dict__) for name, value in held.items() if value is None}
    tree = tree_of(scene.file)
    code = scene.frame.f_code
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.lineno == code.co_firstlineno:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in names:
                    return prefix + inner.func.attr
    return None


def _written(
    scene: Scene, tensor: torch.Tensor, layer: tuple[str, list[int], dict[str, int | tuple[int, ...]]], why: str
) -> Fix | None:
    """A new layer at the end of the constructor, and its call in the failing line."""
    node, me = scene.node_of(tensor), scene.frame_path
    module = scene.model.get_submodule(me)
    definition = class_definition(type(module), "__init__")
    if node is None or definition is None or definition[0] != scene.file:
        return None
    file, function = definition
    cls, numbers, keywords = layer
    shared = sum(isinstance(other, type(module)) for other in scene.model.modules()) > 1
    names = known_names(scene.model, me) if shared else {}
    texts = [names.get(number) if shared else str(number) for number in numbers]
    stride = keywords.get("stride")
    if None in texts:
        return None
    written = [str(text) for text in texts]
    for name, value in keywords.items():
        told = (
            "stride"
            if shared and value == stride and name == "stride" and "stride" in _arguments(function)
            else literal(value)
        )
        written.append(f"{name}={told}")
    if shared and stride is None and "stride" in _arguments(function):
        written.append("stride=stride")
    own = function.args.args[0].arg
    name = next(one for one in ("shortcut", "projection", "projection2", "to_branch") if not hasattr(module, one))
    prefix = "nn." if scene.frame is not None and scene.frame.f_globals.get("nn") is nn else "torch.nn."
    last = function.body[-1]
    indent = " " * last.col_offset
    added = f"{text_of(file, last)}\n{indent}{own}.{name} = {prefix}{cls}({', '.join(written)})"
    forward = scene.frame.f_code.co_varnames[0] if scene.frame is not None else "self"
    called = f"{forward}.{name}({bracketed(scene.file, node)})"
    return finished(why, [Edit(file, last, added), Edit(scene.file, node, called)])


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
