"""The line that turned off the recording of gradients for a call."""

import ast
from types import FrameType

from inspector.core.table import Source
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.pytorch.user_source import tree_of

_MODES = {"no_grad", "inference_mode", "set_grad_enabled"}


def without_gradients(frame: FrameType | None) -> tuple[Source, FrameType] | None:
    """The ``with``, the decorator or the statement around what a frame is doing, or around what called it.

    With the frame in which it stands.
    """
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        tree = tree_of(file) if is_user_file(file) else None
        if tree is not None:
            found = _within(tree, frame.f_code.co_name, line)
            if found is not None:
                return line_of(file, found), frame
        frame = frame.f_back
    return None


def _within(tree: ast.Module, function: str, line: int) -> int | None:
    """The innermost line around `line` that names such a mode, in the function that it belongs to."""
    around = [node for node in ast.walk(tree) if _spans(node, line)]
    for node in reversed(around):
        if isinstance(node, ast.With):
            for item in node.items:
                if _is_mode(item.context_expr):
                    return item.context_expr.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name != function:
                continue
            for decorator in node.decorator_list:
                if _is_mode(decorator):
                    return decorator.lineno
            before = [one for one in ast.walk(node) if isinstance(one, ast.Expr) and one.lineno < line]
            stated = [one.lineno for one in before if isinstance(one.value, ast.Call) and _is_mode(one.value)]
            if stated:
                return max(stated)
    return _assigned(tree, function)


def _assigned(tree: ast.Module, function: str) -> int | None:
    """Where a function is wrapped by hand: ``forward = torch.no_grad()(forward)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_mode(node.value) and function in _names(node.value):
            return node.lineno
    return None


def _spans(node: ast.AST, line: int) -> bool:
    if not isinstance(node, ast.With | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    decorators = [] if isinstance(node, ast.With) else node.decorator_list
    first = min([node.lineno, *(one.lineno for one in decorators)])
    return first <= line <= (node.end_lineno or first)


def _is_mode(node: ast.expr) -> bool:
    return not _MODES.isdisjoint(_names(node))


def _names(node: ast.expr) -> set[str]:
    """Every name and attribute in an expression."""
    found = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    return found | {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
