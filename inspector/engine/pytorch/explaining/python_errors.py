"""Errors that Python itself or the user's own checks raise: wrong arguments, names, tuples, None, unpacking."""

import ast
import inspect
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from inspector.core.table import Fix, SourceEdit
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import finished, registered_value
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import UNKNOWN, Scene, bracketed
from inspector.engine.pytorch.explaining.user_source import Edit, statement_around, statements_on_line, text_of
from inspector.engine.pytorch.source_lines import line_of


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
    fixes += _loop(scene)
    return Explained(why, fixes)


def _loop(scene: Scene) -> list[Fix]:
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
    near = _near(name, _names(owner))
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


def _near(name: str, names: list[str]) -> str | None:
    found = get_close_matches(name, [one for one in names if one != name], 1, 0.6)
    lowered = [one for one in names if one.lower().replace("_", "") == name.lower().replace("_", "") and one != name]
    return lowered[0] if lowered else found[0] if found else None


def _of_a_tuple(scene: Scene, owner: Any, node: ast.Attribute | None, name: str) -> Explained | None:
    kind = "tuple" if isinstance(owner, tuple) else "list"
    written = text_of(scene.file, node.value) if node is not None else "the value"
    parts = ", ".join(shape(list(one.shape)) if isinstance(one, torch.Tensor) else type(one).__name__ for one in owner)
    why = f"`{written}` is a {kind} of {len(owner)} ({parts}), which has no {name}{_returned_by(scene, owner)}"
    if node is None or not hasattr(torch.Tensor, name):
        return Explained(why)
    fix = scene.replaced("take its first part", (node.value, f"{bracketed(scene.file, node.value)}[0]"))
    return Explained(why, [fix])


def _returned_by(scene: Scene, owner: Any) -> str:
    first = next((one for one in owner if isinstance(one, torch.Tensor)), None)
    maker = scene.made_by(first) if first is not None else ""
    return f"; it is what {maker} returned" if maker else ""


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
            why = f"{written} is a {kind} of {len(value)} ({parts}) where a tensor is taken{_returned_by(scene, value)}"
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
        for call in _records(scene)
        if call.module is not None and not call.failed and call.seconds is not None and not call.output_shapes
    ]
    return (
        f"; {returned_nothing[-1].path} returned nothing: does its forward lack a return?" if returned_nothing else ""
    )


def _records(scene: Scene) -> list[Any]:
    waiting, found = [scene.root], []
    while waiting:
        call = waiting.pop()
        if call is not None:
            found.append(call)
            waiting += call.children
    return found


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
        return Explained(why, _loop(scene))
    if called is UNKNOWN or callable(called):
        return None
    return Explained(f"`{text_of(scene.file, scene.node.func)}` is a {type(called).__name__}, which cannot be called")


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
        made = [call for call in _records(scene) if call.module is called and call.output_shapes]
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
        near = _near(name, names) if isinstance(name, str) else None
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
        near = _near(index, keys)
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
