"""A module whose forward ends without returning anything, so that what follows is given None."""

import ast
import os

from torch import nn

from inspector.core.table import Fix
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.makings import class_definition
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import function_around, text_of


@explains()
@explains(TypeError, AttributeError, RuntimeError, ValueError)
def nothing_returned(scene: Scene) -> Explained | None:
    """The failing expression uses what such a module returned, itself or by a name."""
    for node, written in _calls(scene):
        module = scene.value(node.func)
        if not isinstance(module, nn.Module):
            continue
        found = class_definition(type(module), "forward")
        if found is None:
            continue
        file, forward = found
        last = forward.body[-1]
        returns = [one for one in ast.walk(forward) if isinstance(one, ast.Return) and one.value is not None]
        if any(function_around(file, one) is forward for one in returns) or isinstance(last, ast.Raise):
            continue
        kind = type(module).__name__
        place = f"line {last.lineno} of {os.path.basename(file)}"
        why = f"`{written}` is None: the forward of {kind} returns nothing, its last line ({place}) has no return"
        return Explained(why, [_returning(file, last)])
    return None


def _calls(scene: Scene) -> list[tuple[ast.Call, str]]:
    """The calls that the failing expression holds or whose result it knows by a name, with how it writes them."""
    if scene.node is None:
        return []
    function = function_around(scene.file, scene.node)
    found = []
    for node in ast.walk(scene.node):
        if isinstance(node, ast.Call) and node is not scene.node:
            found.append((node, text_of(scene.file, node)))
        elif isinstance(node, ast.Name) and scene.value(node) is None and function is not None:
            found += [
                (one.value, node.id)
                for one in ast.walk(function)
                if isinstance(one, ast.Assign)
                and isinstance(one.value, ast.Call)
                and any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
            ]
    return found


def _returning(file: str, last: ast.stmt) -> Fix | None:
    """The last line as a return of its value."""
    if isinstance(last, ast.Assign) and len(last.targets) == 1 and isinstance(last.targets[0], ast.Name):
        return finished("return it", [Edit(file, last, f"return {text_of(file, last.value)}")])
    if isinstance(last, ast.AugAssign) and isinstance(last.target, ast.Name):
        line = f"{text_of(file, last)}\n{' ' * last.col_offset}return {last.target.id}"
        return finished("return it", [Edit(file, last, line)])
    if isinstance(last, ast.Expr) and not isinstance(last.value, ast.Constant):
        return finished("return it", [Edit(file, last, f"return {text_of(file, last.value)}")])
    return None
