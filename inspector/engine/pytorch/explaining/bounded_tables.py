"""A mask or table that the model made for a number of positions, on an input that has more."""

import ast
from collections.abc import Iterator
from itertools import permutations

import msgspec
import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import finished, statement_for
from inspector.engine.pytorch.explaining.makings import (
    argument_of,
    class_definition,
    making_of,
    owner_of,
    registered_value,
)
from inspector.engine.pytorch.explaining.registry import ELEMENTWISE, Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene, tensors_of
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import function_around


@explains(ELEMENTWISE)
def too_few_positions(scene: Scene) -> Explained | None:
    """An operand cut from one of the model's own tensors, which is too short."""
    for part, other in permutations(tensors_of(scene), 2):
        pairs = zip(reversed(part.shape), reversed(other.shape), strict=False)
        short = {(one, two) for one, two in pairs if one != two and 1 not in (one, two)}
        if len(short) != 1 or scene.key_of(part):
            continue
        (got, wanted), *_ = short
        key = _cut_from(scene, part, got) if got < wanted else None
        if key is None:
            continue
        held = shape(list(scene.own_tensors[key].shape))
        why = (
            f"{scene.with_shape(part)} is taken from the model's own {key} ({held}), "
            f"which is made for {got} positions; {scene.with_shape(other)} has {wanted}"
        )
        return Explained(why, [_made_longer(scene, key, got, wanted), _shorter_input(scene, got, wanted)])
    return None


def _cut_from(scene: Scene, part: torch.Tensor, size: int) -> str | None:
    """The key of the one tensor of the model's that the line names for an operand, where it ends at that size."""
    node: ast.expr | None = scene.node_of(part)
    if isinstance(node, ast.Name):
        function = function_around(scene.file, node)
        assigned = [
            one.value
            for one in (ast.walk(function) if function is not None else ())
            if isinstance(one, ast.Assign) and any(isinstance(to, ast.Name) and to.id == node.id for to in one.targets)
        ]
        node = assigned[0] if len(assigned) == 1 else None
    keys = {id(tensor): key for key, tensor in scene.own_tensors.items()}
    named = [scene.value(one) for one in (ast.walk(node) if node is not None else ())]
    held = {keys[id(one)] for one in named if isinstance(one, torch.Tensor) and id(one) in keys}
    return next((key for key in held if len(held) == 1 and size in scene.own_tensors[key].shape), None)


def _made_longer(scene: Scene, key: str, got: int, wanted: int) -> Fix | None:
    """The number of positions where the constructor has it, else a statement that makes the tensors anew."""
    made = registered_value(scene.model, key)
    if made is None:
        return None
    file, value = _spelt_out(*made)
    path = key.rpartition(".")[0]
    why = f"make it for {wanted} positions instead of {got}"
    numbers = [node for node in ast.walk(value) if isinstance(node, ast.Constant) and node.value == got]
    if numbers:
        return finished(why, [Edit(file, node, str(wanted)) for node in numbers if isinstance(node, ast.expr)])
    for name in sorted({node.id for node in ast.walk(value) if isinstance(node, ast.Name)}):
        edit = _argument_edit(scene.model, path, name, got, wanted)
        if edit is not None:
            return finished(why, [edit])
    statements = list(_made_anew(scene, key, value, wanted))
    return finished(why, [], statements) if statements and all(statements) else None


def _spelt_out(file: str, value: ast.expr) -> tuple[str, ast.expr]:
    """What the constructor assigns to the name that it registers."""
    function = function_around(file, value) if isinstance(value, ast.Name) else None
    if not isinstance(value, ast.Name) or function is None:
        return file, value
    assigned = [
        one.value
        for one in ast.walk(function)
        if isinstance(one, ast.Assign) and any(isinstance(to, ast.Name) and to.id == value.id for to in one.targets)
    ]
    return file, assigned[0] if len(assigned) == 1 else value


def _argument_edit(model: nn.Module, path: str, name: str, got: int, wanted: int) -> Edit | None:
    """Where a constructor's argument gets its value: in the call, above it, or as the default."""
    module = model.get_submodule(path)
    found = class_definition(type(module), "__init__")
    if found is None:
        return None
    file, function = found
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    if name not in [argument.arg for argument in every]:
        return None
    made = making_of(model, path) if path else None
    given = argument_of(made.call, type(module), name) if made is not None else None
    if made is not None and isinstance(given, ast.Constant) and given.value == got:
        return Edit(made.file, given, str(wanted))
    if isinstance(given, ast.Name):
        owner, steps = owner_of(model, path)
        above = path.removesuffix(".".join(steps)).rstrip(".") if owner is not None else ""
        return _argument_edit(model, above, given.id, got, wanted)
    default = _defaults(function).get(name)
    is_own = given is None and isinstance(default, ast.Constant) and default.value == got
    return Edit(file, default, str(wanted)) if is_own and default is not None else None


def _defaults(function: ast.FunctionDef) -> dict[str, ast.expr]:
    named = [*function.args.posonlyargs, *function.args.args]
    count = len(function.args.defaults)
    pairs = list(zip(named[len(named) - count :], function.args.defaults, strict=True))
    keyword_only = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return {argument.arg: value for argument, value in [*pairs, *keyword_only] if value is not None}


def _made_anew(scene: Scene, key: str, value: ast.expr, wanted: int) -> Iterator[str]:
    """Statements for this tensor and those like it in other modules of the class."""
    sizes = {ast.unparse(node) for node in _outermost(value)}
    if len(sizes) != 1:
        return
    text = ast.unparse(value).replace(sizes.pop(), str(wanted))
    path, _, name = key.rpartition(".")
    cls, size = type(scene.model.get_submodule(path)), scene.own_tensors[key].shape
    for other, module in scene.model.named_modules():
        own = getattr(module, name, None)
        if type(module) is cls and isinstance(own, torch.Tensor) and own.shape == size:
            yield statement_for(scene.model, f"{other}.{name}" if other else name, text)


def _outermost(node: ast.AST) -> Iterator[ast.expr]:
    """The names and attributes in an expression that are neither torch's nor methods."""
    if isinstance(node, ast.Name):
        if node.id not in ("torch", "nn"):
            yield node
    elif isinstance(node, ast.Attribute):
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            yield from _outermost(root)
        elif root.id not in ("torch", "nn"):
            yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _outermost(child)


def _shorter_input(scene: Scene, got: int, wanted: int) -> Fix | None:
    """The input with as many positions as the tensor was made for."""
    if len(scene.specs) != 1 or not scene.specs[0].shape or scene.specs[0].shape.count(wanted) != 1:
        return None
    spec = scene.specs[0]
    sizes = [got if size == wanted else size for size in spec.shape or []]
    return Fix(text=f"or give an input of {got} positions: --input '{msgspec.structs.replace(spec, shape=sizes)}'")
