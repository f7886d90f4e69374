"""What a module is asked for and lacks: lines of Python, a forward, an attribute."""

import ast
import inspect
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from inspector.core.table import Fix, SourceEdit
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.makings import registered_value
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import UNKNOWN, Scene, bracketed
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.source_lines import line_of
from inspector.engine.pytorch.user_source import statement_around, statements_on_line, text_of


@explains(torch.jit.ScriptModule)
def inside_torchscript(scene: Scene) -> Explained | None:
    """What TorchScript runs has no frames."""
    return Explained("it failed inside TorchScript, which keeps no line of Python: the message has its own trace")


@explains(nn.ModuleList, nn.ModuleDict, NotImplementedError)
def containers_that_cannot_be_called(scene: Scene) -> Explained | None:
    """A list of modules called as if it were one, or a class without a forward."""
    module = scene.module
    if module is None or scene.call is not None or not isinstance(scene.problem, NotImplementedError):
        return None
    if type(module).forward is not nn.Module.forward:
        return None
    if not isinstance(module, nn.ModuleList | nn.ModuleDict):
        near = get_close_matches("forward", [name for name in dir(type(module)) if name not in dir(nn.Module)], 1, 0.6)
        why = f"{type(module).__name__} has no forward"
        return Explained(f"{why}: did you mean its method {near[0]}?" if near else why, _renamed_method(module, near))
    kind = type(module).__name__
    why = f"an nn.{kind} only holds modules: it has no forward of its own, its modules are called one by one"
    fixes: list[Fix] = []
    made = registered_value(scene.model, scene.path)
    if (
        isinstance(module, nn.ModuleList)
        and made is not None
        and isinstance(made[1], ast.Call)
        and len(made[1].args) == 1
    ):
        file, call = made[0], made[1]
        prefix = f"{ast.unparse(call.func.value)}." if isinstance(call.func, ast.Attribute) else ""
        edits = [
            Edit(file, call.func, f"{prefix}Sequential"),
            Edit(file, call.args[0], "*" + bracketed(file, call.args[0])),
        ]
        fixes.append(finished("make it an nn.Sequential, which calls one after the other", edits))
    fixes += called_in_a_loop(scene)
    return Explained(why, fixes)


def called_in_a_loop(scene: Scene) -> list[Fix]:
    """``for layer in layers: x = layer(x)`` in the place of ``x = layers(x)``."""
    if not isinstance(scene.node, ast.Call) or len(scene.node.args) != 1:
        return []
    statement = statement_around(scene.file, scene.node)
    owner, given = text_of(scene.file, scene.node.func), text_of(scene.file, scene.node.args[0])
    indent = " " * (statement.col_offset if statement is not None else 0)
    loop = f"hidden = {given}\n{indent}for layer in {owner}:\n{indent}    hidden = layer(hidden)\n{indent}"
    if statement is None or isinstance(statement, ast.Expr):
        return []
    edits = [Edit(scene.file, statement, loop, before=True), Edit(scene.file, scene.node, "hidden")]
    if statement.lineno == scene.node.lineno and statement.col_offset == scene.node.col_offset:
        return []
    return [finished("or call them in a loop", edits)]


def _renamed_method(module: nn.Module, near: list[str]) -> list[Fix]:
    if not near:
        return []
    function = inspect.unwrap(getattr(type(module), near[0]))
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    at = line_of(code.co_filename, code.co_firstlineno)
    for node in statements_on_line(at, ast.FunctionDef):
        before = text_of(at.file, node).splitlines()[0]
        after = before.replace(f"def {near[0]}", "def forward", 1)
        indent = " " * node.col_offset
        return [
            Fix(
                text=f"rename it: line {at.line}: {after}",
                edits=[SourceEdit(file=at.file, line=at.line, before=indent + before, after=indent + after)],
            )
        ]
    return []


@explains(AttributeError)
def missing_attributes(scene: Scene) -> Explained | None:
    """An attribute that is not there: misspelt, of a tuple, or of None."""
    node = scene.node
    if not isinstance(node, ast.Attribute):
        node = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    owner = getattr(scene.problem, "obj", UNKNOWN)
    if node is not None:
        known = scene.value(node.value)
        owner = known if known is not UNKNOWN else owner
    name = node.attr if node is not None else getattr(scene.problem, "name", None)
    if owner is UNKNOWN or not isinstance(name, str):
        return None
    if isinstance(owner, tuple | list):
        return _of_a_tuple(scene, owner, node, name)
    if owner is None:
        written = text_of(scene.file, node.value) if node is not None else "the value"
        return Explained(f"`{written}` is None, which has no {name}", [])
    near = nearest(name, _names(owner))
    kind = type(owner).__name__
    if not near:
        children = list(getattr(owner, "_modules", {}))[:8]
        listed = f"; its modules are {', '.join(children)}" if children else ""
        return Explained(f"{kind} has no attribute {name}{listed}")
    fix = None
    if node is not None:
        fix = scene.replaced(f"{near} instead of {name}", (node, f"{text_of(scene.file, node.value)}.{near}"))
    return Explained(f"{kind} has no attribute {name}: did you mean {near}?", [fix])


def _names(owner: Any) -> list[str]:
    if isinstance(owner, nn.Module):
        own = [name for held in ("_modules", "_parameters", "_buffers") for name in owner.__dict__.get(held, {})]
        return [*own, *vars(owner), *(name for name in dir(type(owner)) if not name.startswith("_"))]
    return [name for name in dir(type(owner) if not inspect.ismodule(owner) else owner) if not name.startswith("__")]


def nearest(name: str, names: list[str]) -> str | None:
    """The name that was meant by one that is not among them: the same but for case and underscores, or a close one."""
    found = get_close_matches(name, [one for one in names if one != name], 1, 0.6)
    lowered = [one for one in names if one.lower().replace("_", "") == name.lower().replace("_", "") and one != name]
    return lowered[0] if lowered else found[0] if found else None


def _of_a_tuple(scene: Scene, owner: Any, node: ast.Attribute | None, name: str) -> Explained | None:
    kind = "tuple" if isinstance(owner, tuple) else "list"
    written = text_of(scene.file, node.value) if node is not None else "the value"
    parts = ", ".join(shape(list(one.shape)) if isinstance(one, torch.Tensor) else type(one).__name__ for one in owner)
    why = f"`{written}` is a {kind} of {len(owner)} ({parts}), which has no {name}{returned_by(scene, owner)}"
    if node is None or not hasattr(torch.Tensor, name):
        return Explained(why)
    fix = scene.replaced("take its first part", (node.value, f"{bracketed(scene.file, node.value)}[0]"))
    return Explained(why, [fix])


def returned_by(scene: Scene, owner: Any) -> str:
    """A hint at the call that returned a tuple or list of tensors; "" where it is not known."""
    first = next((one for one in owner if isinstance(one, torch.Tensor)), None)
    maker = scene.made_by(first) if first is not None else ""
    return f"; it is what {maker} returned" if maker else ""
