"""Calls that Python refuses: arguments that a forward does not take, tuples and None for tensors, lists called."""

import ast
import inspect
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.calls import calls_of
from inspector.engine.pytorch.explaining.python_attributes import called_in_a_loop, returned_by
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import UNKNOWN, Scene
from inspector.engine.pytorch.user_source import text_of


@explains(TypeError)
def arguments_of_a_forward(scene: Scene) -> Explained | None:
    """A module called with too few or too many arguments."""
    module = scene.module
    if module is None or not isinstance(scene.node, ast.Call):
        return None
    args, kwargs = scene.given
    parameters = inspect.signature(type(module).forward).parameters
    names = [name for name, one in parameters.items()][1:]
    try:
        inspect.signature(type(module).forward).bind(module, *args, **kwargs)
    except TypeError:
        pass
    else:
        return None
    kind = f"{scene.path or 'the model'} ({type(module).__name__})"
    why = f"the forward of {kind} takes ({', '.join(names)}), it is given {len(args) + len(kwargs)}"
    unknown = [name for name in kwargs if name not in names]
    if unknown:
        near = get_close_matches(unknown[0], names, 1, 0.4)
        keyword = next((one for one in scene.node.keywords if one.arg == unknown[0]), None)
        fixes = []
        if keyword is not None and near and near[0] not in kwargs:
            fixes.append(
                scene.replaced(
                    f"{near[0]} instead of {unknown[0]}", (keyword, f"{near[0]}={text_of(scene.file, keyword.value)}")
                )
            )
        fixes.append(_less(scene, [one for one in scene.node.keywords if one.arg not in unknown], scene.node.args))
        return Explained(
            f"{why}, among them {unknown[0]}, which it does not know", [one for one in fixes if one is not None]
        )
    required = [
        name
        for name, one in list(parameters.items())[1:]
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if len(args) > len(names):
        fix = _less(scene, scene.node.keywords, scene.node.args[: len(names)])
        return Explained(why, [fix])
    missing = [name for name in required[len(args) :] if name not in kwargs]
    fixes = []
    if missing and scene.frame is not None:
        local = [name if name in scene.frame.f_locals else None for name in missing]
        if all(name is not None for name in local):
            added = [f"{name}={name}" for name in missing]
        else:
            given = text_of(scene.file, scene.node.args[0]) if scene.node.args else ""
            added = [f"{name}={given}" for name in missing] if given else []
        whole = text_of(scene.file, scene.node).rstrip()[:-1].rstrip().rstrip(",")
        comma = ", " if scene.node.args or scene.node.keywords else ""
        if added and (
            fix := scene.replaced(
                f"give it {' and '.join(missing)} too", (scene.node, f"{whole}{comma}{', '.join(added)})")
            )
        ):
            fixes.append(fix)
    return Explained(f"{why}: {', '.join(missing)} is missing", fixes)


def _less(scene: Scene, keywords: list[ast.keyword], args: list[ast.expr]) -> Fix | None:
    if not isinstance(scene.node, ast.Call):
        return None
    parts = [text_of(scene.file, one) for one in args]
    parts += [
        f"{one.arg}={text_of(scene.file, one.value)}" if one.arg else f"**{text_of(scene.file, one.value)}"
        for one in keywords
    ]
    text = f"{text_of(scene.file, scene.node.func)}({', '.join(parts)})"
    return scene.replaced("leave out what it does not take", (scene.node, text))


@explains(TypeError, AttributeError, RuntimeError, ValueError)
def tuples_and_none_for_tensors(scene: Scene) -> Explained | None:
    """A tuple, as an LSTM returns it, a list or None where a tensor is taken."""
    if scene.node is None:
        return None
    candidates = [(value, scene.node_of(value)) for value in [*scene.given[0], *scene.given[1].values()]]
    candidates += [(value, node) for value, node in scene.written if isinstance(value, tuple | list) or value is None]
    for value, node in candidates:
        if isinstance(value, torch.Tensor | str | int | float | torch.Size) or isinstance(node, ast.Constant):
            continue
        if (node is not None and not _is_operand(scene, node)) or _is_state(scene, value):
            continue
        written = f"`{text_of(scene.file, node)}`" if node is not None else "its argument"
        if value is None and scene.layer is not None:
            return Explained(f"{written} is None where a tensor is taken{_maker_of_none(scene, node)}")
        if isinstance(value, tuple | list) and any(isinstance(one, torch.Tensor) for one in value):
            parts = ", ".join(
                shape(list(one.shape)) if isinstance(one, torch.Tensor) else type(one).__name__ for one in value
            )
            kind = "tuple" if isinstance(value, tuple) else "list"
            why = f"{written} is a {kind} of {len(value)} ({parts}) where a tensor is taken{returned_by(scene, value)}"
            return Explained(why, _first_part(scene, value, node))
    return None


def _is_state(scene: Scene, value: Any) -> bool:
    """Whether a value is the first states of a recurrent layer, which may be a pair or None."""
    args, kwargs = scene.given
    recurrent = isinstance(scene.layer, nn.RNNBase | nn.RNNCellBase)
    return recurrent and any(value is state for state in (*args[1:], *kwargs.values()))


def _is_operand(scene: Scene, node: ast.expr) -> bool:
    """Whether a node is given to the failing call itself, or is an operand of its operator."""
    if isinstance(scene.node, ast.Call):
        return (
            node in scene.node.args
            or node in [one.value for one in scene.node.keywords]
            or node is getattr(scene.node.func, "value", None)
        )
    if isinstance(scene.node, ast.BinOp):
        return node in (scene.node.left, scene.node.right)
    return isinstance(scene.node, ast.AugAssign) and node is scene.node.value


def _first_part(scene: Scene, value: Any, node: ast.expr | None) -> list[Fix]:
    fixes = [scene.wrapped(value, "{}[0]", "take its first part")]
    if isinstance(value, list) and len({tuple(one.shape) for one in value if isinstance(one, torch.Tensor)}) == 1:
        fixes.append(scene.wrapped(value, "torch.cat({}, 1)", "or join its parts"))
    return fixes


def _maker_of_none(scene: Scene, node: ast.expr | None) -> str:
    """A hint at where None came from: a name that the function assigns from a call of a module without a result."""
    if not isinstance(node, ast.Name) or scene.root is None:
        return ""
    returned_nothing = [
        call
        for call in calls_of(scene.root)
        if call.module is not None and not call.failed and call.seconds is not None and not call.output_shapes
    ]
    return (
        f"; {returned_nothing[-1].path} returned nothing: does its forward lack a return?" if returned_nothing else ""
    )


@explains(TypeError)
def lists_that_cannot_be_called(scene: Scene) -> Explained | None:
    """A plain list of modules called like a module."""
    if not isinstance(scene.node, ast.Call):
        return None
    called = scene.value(scene.node.func)
    if isinstance(called, list | tuple) and any(isinstance(one, nn.Module) for one in called):
        why = (
            f"`{text_of(scene.file, scene.node.func)}` is a list of {len(called)} modules: its modules are "
            "called one by one"
        )
        return Explained(why, called_in_a_loop(scene))
    if called is UNKNOWN or callable(called):
        return None
    return Explained(f"`{text_of(scene.file, scene.node.func)}` is a {type(called).__name__}, which cannot be called")
