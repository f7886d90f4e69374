"""Reads the line in which an exception was raised: its expression, and the values of names. Nothing is called."""

import ast
import linecache
import operator
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.inputs.origins import OriginTracker


class Line:
    """The line of a frame in which an exception was raised."""

    def __init__(self, frame: FrameType, trace: TracebackType, tracker: OriginTracker) -> None:
        self.frame = frame
        self.tracker = tracker
        self.lasti = trace.tb_lasti
        self.lineno = trace.tb_lineno
        positions = list(frame.f_code.co_positions())
        at = trace.tb_lasti // 2
        self.position = positions[at] if at < len(positions) else (None, None, None, None)
        self.tree = _function_tree(frame)

    def expression(self) -> ast.AST | None:
        """The sub-expression that was being evaluated."""
        line, end, column, end_column = self.position
        for node in ast.walk(self.tree) if self.tree is not None else ():
            if isinstance(node, ast.expr | ast.stmt) and (
                (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == (line, end, column, end_column)
            ):
                return node
        return None

    def statement(self, kinds: type[ast.AST] | tuple[type[ast.AST], ...]) -> ast.AST | None:
        """The innermost statement of a kind around the line."""
        found = [
            node
            for node in (ast.walk(self.tree) if self.tree is not None else ())
            if isinstance(node, kinds)
            and getattr(node, "lineno", 0) <= self.lineno <= (getattr(node, "end_lineno", 0) or 0)
        ]
        return max(found, key=lambda node: getattr(node, "lineno", 0), default=None)

    def value(self, node: ast.AST | None) -> Any:
        """What an expression stands for; NotImplemented where that cannot be told without calling something."""
        return value_of(node, self.frame)


def _function_tree(frame: FrameType) -> ast.AST | None:
    lines = linecache.getlines(frame.f_code.co_filename)
    try:
        return ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None


def shape_of(node: ast.AST | None, line: Line) -> torch.Tensor | None:
    """The tensor of which a node is the shape: ``x.shape``, ``x.size()``, ``list(x.shape)``, ``x.shape[-2:]``."""
    if isinstance(node, ast.Attribute) and node.attr == "shape":
        value = line.value(node.value)
        return value if isinstance(value, torch.Tensor) else None
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "size" and not node.args:
            value = line.value(node.func.value)
            return value if isinstance(value, torch.Tensor) else None
        return shape_of(node.args[0], line) if len(node.args) == 1 else None
    if isinstance(node, ast.Subscript):
        return None if isinstance(node.slice, ast.Slice) else shape_of(node.value, line)
    return None


def slice_of_shape(node: ast.AST, line: Line) -> tuple[torch.Tensor, int] | None:
    """The tensor and the first axis of which a node is the sizes: ``x.shape``, ``x.shape[-2:]``."""
    whole = shape_of(node, line)
    if whole is not None:
        return whole, 0
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        x = shape_of(node.value, line)
        start = line.value(node.slice.lower) if node.slice.lower is not None else 0
        if x is not None and isinstance(start, int):
            return x, start % max(1, x.ndim)
    return None


def rank_of(node: ast.AST, line: Line) -> torch.Tensor | None:
    """The tensor whose number of axes a node is: ``x.ndim``, ``x.dim()``, ``len(x.shape)``."""
    if isinstance(node, ast.Attribute) and node.attr == "ndim":
        value = line.value(node.value)
        return value if isinstance(value, torch.Tensor) else None
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("dim", "ndimension"):
            value = line.value(node.func.value)
            return value if isinstance(value, torch.Tensor) else None
        if isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
            return shape_of(node.args[0], line)
    return None


def axis_of(node: ast.AST, line: Line) -> tuple[torch.Tensor, int] | None:
    """The tensor and axis whose size a node is: ``x.shape[2]``, ``x.size(2)``, ``len(x)``, or a name it was given."""
    if isinstance(node, ast.Subscript):
        x, key = shape_of(node.value, line), line.value(node.slice)
        if x is not None and isinstance(key, int) and -x.ndim <= key < x.ndim:
            return x, key % x.ndim
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "size" and len(node.args) == 1:
            x, key = line.value(node.func.value), line.value(node.args[0])
            if isinstance(x, torch.Tensor) and isinstance(key, int) and -x.ndim <= key < x.ndim:
                return x, key % x.ndim
        if isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
            x = line.value(node.args[0])
            return (x, 0) if isinstance(x, torch.Tensor) and x.ndim else None
    if isinstance(node, ast.Name):
        return _unpacked_name(node.id, line)
    return None


def _unpacked_name(name: str, line: Line) -> tuple[torch.Tensor, int] | None:
    """The axis that a local name was given: ``b, c, h, w = x.shape`` or ``h = x.size(2)``."""
    for node in ast.walk(line.tree) if line.tree is not None else ():
        if not isinstance(node, ast.Assign) or node.lineno > line.lineno:
            continue
        for target in node.targets:
            if isinstance(target, ast.Tuple):
                names = [each.id if isinstance(each, ast.Name) else "" for each in target.elts]
                x = shape_of(node.value, line)
                if name in names and x is not None and x.ndim == len(names):
                    return x, names.index(name)
            elif isinstance(target, ast.Name) and target.id == name and not isinstance(node.value, ast.Name):
                found = axis_of(node.value, line)
                if found is not None:
                    return found
    return None


def value_of(node: ast.AST | None, frame: FrameType) -> Any:
    """The value of names, attributes, items, constants and arithmetic on them; NotImplemented for all else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals):
            if node.id in names:
                return names[node.id]
        return NotImplemented
    if isinstance(node, ast.Attribute):
        return _attribute(value_of(node.value, frame), node.attr)
    if isinstance(node, ast.Tuple | ast.List):
        values = [value_of(each, frame) for each in node.elts]
        return NotImplemented if any(value is NotImplemented for value in values) else tuple(values)
    if isinstance(node, ast.Subscript):
        owner, key = value_of(node.value, frame), value_of(node.slice, frame)
        if isinstance(owner, tuple | list | dict | nn.ModuleList) and key is not NotImplemented:
            try:
                return owner[key]
            except (LookupError, TypeError):
                return NotImplemented
    if isinstance(node, ast.Slice):
        ends = [value_of(end, frame) if end is not None else None for end in (node.lower, node.upper, node.step)]
        return NotImplemented if any(end is NotImplemented for end in ends) else slice(*ends)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = value_of(node.operand, frame)
        return -inner if isinstance(inner, int | float) else NotImplemented
    if isinstance(node, ast.BinOp):
        left, right = value_of(node.left, frame), value_of(node.right, frame)
        function = _ARITHMETIC.get(type(node.op))
        if function is not None and isinstance(left, int | float) and isinstance(right, int | float):
            try:
                return function(left, right)
            except (ArithmeticError, ValueError):
                return NotImplemented
    if isinstance(node, ast.Call):
        return _known_call(node, frame)
    return NotImplemented


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip


def _known_call(node: ast.Call, frame: FrameType) -> Any:
    """``x.size(1)``, ``x.size()``, ``x.dim()`` and ``len(x)``."""
    if isinstance(node.func, ast.Attribute):
        x = value_of(node.func.value, frame)
        if isinstance(x, torch.Tensor):
            with torch._C.DisableTorchFunction():
                if node.func.attr == "dim":
                    return x.ndim
                if node.func.attr == "size" and not node.args:
                    return tuple(x.shape)
                axis = value_of(node.args[0], frame) if node.func.attr == "size" else None
                if isinstance(axis, int) and -x.ndim <= axis < x.ndim:
                    return x.shape[axis]
    elif isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
        value = value_of(node.args[0], frame)
        if isinstance(value, torch.Tensor):
            return value.shape[0] if value.ndim else NotImplemented
        if isinstance(value, tuple | list | dict | str | nn.ModuleList):
            return len(value)
    return NotImplemented


def _attribute(owner: Any, name: str) -> Any:
    if owner is NotImplemented:
        return owner
    if isinstance(owner, torch.Tensor):
        return {"shape": tuple(owner.shape), "ndim": owner.ndim}.get(name, NotImplemented)
    if isinstance(owner, nn.Module):
        for held in (owner._parameters, owner._buffers, owner._modules):
            if name in held:
                return held[name]
    plain = getattr(owner, "__dict__", {})
    if name in plain:
        return plain[name]
    of_class = getattr(type(owner), "__dict__", {}).get(name, NotImplemented)
    return of_class if isinstance(of_class, int | float | str | tuple) else NotImplemented
