"""Values that a line cannot use: too many to unpack, names and keys that are not there, what a check refused."""

import ast

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.calls import calls_of
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.python_attributes import nearest
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import UNKNOWN, Scene, bracketed
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import statement_around, statements_on_line, text_of


@explains(ValueError)
def unpacking(scene: Scene) -> Explained | None:
    """As many names as there are not values."""
    statement = statement_around(scene.file, scene.node) if scene.node is not None else None
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple | ast.List):
        return None
    names = statement.targets[0].elts
    value = scene.value(statement.value)
    written = text_of(scene.file, statement.value)
    if isinstance(value, torch.Size):
        why = f"`{written}` is {tuple(value)}: {len(value)} sizes for {len(names)} names"
        return Explained(why, _other_axes(scene, statement, len(value), len(names)))
    if isinstance(statement.value, ast.Call):
        called = scene.value(statement.value.func)
        made = [call for call in calls_of(scene.root) if call.module is called and call.output_shapes]
        if isinstance(called, nn.RNNBase) and len(names) == 3:
            texts = [text_of(scene.file, name) for name in names]
            why = "an LSTM returns its output and a pair of states: two values"
            fix = scene.replaced("unpack the pair", (statement.targets[0], f"{texts[0]}, ({texts[1]}, {texts[2]})"))
            return Explained(why, [fix])
        if isinstance(called, nn.Module) and made and len(made[-1].output_shapes) == 1:
            got = made[-1].output_shapes[0]
            why = (
                f"`{written}` is one tensor ({shape(got)}), which unpacks along its first axis: {got[0]} for "
                f"{len(names)} names"
            )
            fixes = []
            if got[-1] % len(names) == 0:
                text = f"{bracketed(scene.file, statement.value)}.chunk({len(names)}, dim=-1)"
                fixes = [
                    fix
                    for fix in [scene.replaced("cut its last axis into parts", (statement.value, text))]
                    if fix is not None
                ]
            return Explained(why, fixes)
    count = (
        len(value)
        if isinstance(value, tuple | list)
        else value.shape[0]
        if isinstance(value, torch.Tensor) and value.ndim
        else None
    )
    if count is None or count == len(names):
        return None
    why = f"`{written}` has {count} values for {len(names)} names"
    if count > len(names):
        text = ", ".join([*(text_of(scene.file, name) for name in names), "*_"])
        fix = scene.replaced("leave the others", (statement.targets[0], text))
        return Explained(why, [fix])
    return Explained(why)


def _other_axes(scene: Scene, statement: ast.Assign, got: int, wanted: int) -> list[Fix]:
    """A tensor with an axis more or less, put right before its shape is read."""
    node = statement.value
    owner = (
        node.value
        if isinstance(node, ast.Attribute)
        else node.func.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        else None
    )
    if not isinstance(owner, ast.Name):
        return []
    name, indent = owner.id, " " * statement.col_offset
    form = ".unsqueeze(0)" if got + 1 == wanted else f".flatten(0, {got - wanted})" if got > wanted else ""
    if not form:
        return []
    why = "the axis of the batch is missing: add it" if got < wanted else "put the first axes together"
    return [finished(why, [Edit(scene.file, statement, f"{name} = {name}{form}\n{indent}", before=True)])]


@explains(KeyError, NameError, IndexError)
def names_that_are_not_there(scene: Scene) -> Explained | None:
    """A key, a name or a place in a list that does not exist."""
    node = scene.node
    if isinstance(scene.problem, NameError) and scene.frame is not None:
        name = getattr(scene.problem, "name", None) or (node.id if isinstance(node, ast.Name) else None)
        names = [*scene.frame.f_locals, *scene.frame.f_globals]
        near = nearest(name, names) if isinstance(name, str) else None
        why = f"there is no name {name} here"
        fix = scene.replaced(f"{near} instead of {name}", (node, near)) if near and isinstance(node, ast.Name) else None
        return Explained(f"{why}: did you mean {near}?" if near else why, [fix])
    if not isinstance(node, ast.Subscript):
        return None
    owner, index = scene.value(node.value), scene.value(node.slice)
    if owner is UNKNOWN or index is UNKNOWN:
        return None
    written = text_of(scene.file, node.value)
    if isinstance(owner, dict | nn.ModuleDict) and isinstance(index, str):
        keys = list(map(str, owner))
        near = nearest(index, keys)
        why = f"`{written}` has no {index!r}; it has {', '.join(keys[:8])}"
        fix = scene.replaced(f"{near!r} instead of {index!r}", (node.slice, repr(near))) if near else None
        return Explained(why, [fix])
    if isinstance(owner, list | tuple | nn.ModuleList | nn.Sequential) and isinstance(index, int):
        why = f"`{written}` has {len(owner)} entries (0 to {len(owner) - 1}): there is no {index}"
        fix = scene.replaced("take the last one", (node.slice, "-1"))
        return Explained(why, [fix])
    return None


@explains("_assert", Exception)
def checks_of_the_model(scene: Scene) -> Explained | None:
    """What the model's own assert or raise refused, with the values in its condition."""
    statement, condition = _condition(scene)
    if statement is None:
        return None
    why = "the model's own check refused it"
    if condition is None:
        return Explained(why)
    told = []
    for node in ast.walk(condition):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            value = scene.value(node)
            if isinstance(value, torch.Size):
                value = tuple(value)
            if (
                isinstance(value, int | float | str | tuple | torch.dtype | None)
                and not isinstance(value, nn.Module)
                and value is not UNKNOWN
            ):
                text = f"{text_of(scene.file, node)} = {value!r}"
                if text not in told:
                    told.append(text)
    values = f", with {', '.join(told[:6])}" if told else ""
    return Explained(f"{why}: `{text_of(scene.file, condition)}`{values}", _satisfying(scene, condition))


def _condition(scene: Scene) -> tuple[ast.stmt | None, ast.expr | None]:
    if scene.source is None or not scene.file:
        return None, None
    if isinstance(scene.node, ast.Call) and scene.written_function == "_assert" and scene.node.args:
        return statement_around(scene.file, scene.node), scene.node.args[0]
    for check in statements_on_line(scene.source, ast.Assert):
        return check, check.test
    for statement in statements_on_line(scene.source, ast.Raise):
        tests = list(statements_on_line(scene.source, ast.If))
        return statement, tests[-1].test if tests else None
    return None, None


def _satisfying(scene: Scene, condition: ast.expr) -> list[Fix]:
    """An input with the size that the check compares, where it is the input's own."""
    if (
        not isinstance(condition, ast.Compare)
        or len(condition.ops) != 1
        or not isinstance(condition.ops[0], ast.Eq | ast.NotEq)
    ):
        return []
    for side, other in ((condition.left, condition.comparators[0]), (condition.comparators[0], condition.left)):
        wanted = scene.value(other)
        if not isinstance(side, ast.Subscript | ast.Call) or type(wanted) is not int:
            continue
        place = scene.value(side.slice if isinstance(side, ast.Subscript) else side.args[0] if side.args else None)
        owner = (
            side.value.value
            if isinstance(side, ast.Subscript) and isinstance(side.value, ast.Attribute)
            else side.func.value
            if isinstance(side, ast.Call) and isinstance(side.func, ast.Attribute)
            else None
        )
        tensor = scene.value(owner)
        if isinstance(tensor, torch.Tensor) and type(place) is int and scene.flow.maker(tensor) is scene.root:
            sizes = list(tensor.shape)
            sizes[place] = wanted
            return [Fix(text=f"give an input that it takes: --input '{'x'.join(map(str, sizes))}'")]
    return []
