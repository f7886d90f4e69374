"""The user's source as syntax trees: the nodes that are on a line, around another, or compiled to an instruction."""

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import TypeVar

from inspector.core.table import Source

Node = ast.expr | ast.stmt | ast.keyword
_Kind = TypeVar("_Kind", bound=ast.expr)
_Statement = TypeVar("_Statement", bound=ast.stmt)


def tree_of(file: str) -> ast.Module | None:
    """The syntax tree of a file; None where it cannot be read."""
    return _parsed("".join(linecache.getlines(file)))


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def node_at(file: str, code: CodeType, instruction: int) -> Node | None:
    """The node that an instruction was compiled from: Python keeps its columns since 3.11."""
    positions = list(code.co_positions())
    tree = tree_of(file)
    if instruction // 2 >= len(positions) or tree is None:
        return None
    start, end, column, end_column = positions[instruction // 2]
    found = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt) or (node.lineno, node.end_lineno) != (start, end):
            continue
        # A statement that is one expression has the same place; the expression says more.
        if (node.col_offset, node.end_col_offset) == (column, end_column) and not isinstance(found, ast.expr):
            found = node
    return found


def text_of(file: str, node: Node) -> str:
    """The source of a node, on one line where it fits on one."""
    lines = lines_of(file)[node.lineno - 1 : node.end_lineno]
    if not lines:
        return ""
    lines[-1] = lines[-1][: node.end_col_offset]
    lines[0] = lines[0][node.col_offset :]
    return b"".join(lines).decode(errors="replace")


def statement_around(file: str, node: Node) -> ast.stmt | None:
    """The innermost simple statement that holds a node."""
    return next((one for one in _around(file, node) if isinstance(one, ast.stmt) and not hasattr(one, "body")), None)


def function_around(file: str, node: Node) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function that holds a node."""
    functions = (one for one in _around(file, node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return next(functions, None)


def is_repeated(file: str, node: Node) -> bool:
    """Whether a node stands in a loop or in a function inside its function, so that it is run more than once."""
    repeats = ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda
    for one in _around(file, node):
        if isinstance(one, repeats) and one is not node:
            return True
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
    return False


def nodes_on_line(at: Source, kind: type[_Kind]) -> list[_Kind]:
    """The nodes of a kind that begin or end on a line, the outermost first."""
    tree = tree_of(at.file)
    if tree is None:
        return []
    nodes = [node for node in ast.walk(tree) if isinstance(node, kind)]
    return [node for node in nodes if node.lineno <= at.line <= (node.end_lineno or 0)]


def callee(call: ast.Call) -> str:
    """The last part of what is called: ``Linear`` of ``nn.Linear(3, 4)``."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def calls_on_line(at: Source, *names: str) -> list[ast.Call]:
    """The calls of functions with one of these names that stand on a line, the outermost first."""
    return [call for call in nodes_on_line(at, ast.Call) if callee(call) in names]


def statements_on_line(at: Source, kind: type[_Statement]) -> list[_Statement]:
    """The statements of a kind that a line belongs to, the outermost first."""
    tree = tree_of(at.file)
    found = [node for node in ast.walk(tree) if isinstance(node, kind)] if tree is not None else []
    return [node for node in found if node.lineno <= at.line <= (node.end_lineno or 0)]


def _around(file: str, node: Node) -> Iterator[ast.AST]:
    """A node and what holds it, innermost first."""
    tree = tree_of(file)
    parents = {} if tree is None else _parents(tree)
    at: ast.AST | None = node
    while at is not None:
        yield at
        at = parents.get(at)


@lru_cache(maxsize=64)
def _parents(tree: ast.Module) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def lines_of(file: str) -> list[bytes]:
    """The lines of a file: columns of syntax trees count bytes."""
    return [line.encode() for line in linecache.getlines(file)]
