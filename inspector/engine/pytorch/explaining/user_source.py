"""The user's source as syntax trees: the expression that failed, and edits of it that keep all else as it is."""

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import TypeVar

from inspector.core.table import Source, SourceEdit

Node = ast.expr | ast.stmt | ast.keyword
_Kind = TypeVar("_Kind", bound=ast.expr)
_Statement = TypeVar("_Statement", bound=ast.stmt)


@dataclass(frozen=True)
class Edit:
    """Text to put in the place of a node, or in front of it where `before` is set."""

    file: str
    node: Node
    text: str
    before: bool = False


@lru_cache(maxsize=64)
def tree_of(file: str) -> ast.Module | None:
    """The syntax tree of a file; None where it cannot be read."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
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
    lines = _bytes(file)[node.lineno - 1 : node.end_lineno]
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


def statements_on_line(at: Source, kind: type[_Statement]) -> list[_Statement]:
    """The statements of a kind that a line belongs to, the outermost first."""
    tree = tree_of(at.file)
    found = [node for node in ast.walk(tree) if isinstance(node, kind)] if tree is not None else []
    return [node for node in found if node.lineno <= at.line <= (node.end_lineno or 0)]


def _around(file: str, node: Node) -> Iterator[ast.AST]:
    """A node and what holds it, innermost first."""
    parents = _parents(file)
    at: ast.AST | None = node
    while at is not None:
        yield at
        at = parents.get(at)


@lru_cache(maxsize=64)
def _parents(file: str) -> dict[ast.AST, ast.AST]:
    tree = tree_of(file)
    return {} if tree is None else {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def forget_sources() -> None:
    """Read files anew: they may have been changed since the last failure."""
    linecache.checkcache()
    tree_of.cache_clear()
    _parents.cache_clear()


def edited(edits: list[Edit]) -> list[SourceEdit]:
    """Edits as whole lines to replace, those that touch the same lines together."""
    groups: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda edit: (edit.file, edit.node.lineno, edit.node.col_offset)):
        last = groups[-1][-1] if groups else None
        if last is not None and last.file == edit.file and edit.node.lineno <= (last.node.end_lineno or 0):
            groups[-1].append(edit)
        else:
            groups.append([edit])
    return [_lines(group) for group in groups]


def _lines(edits: list[Edit]) -> SourceEdit:
    first = edits[0].node.lineno
    last = max(edit.node.end_lineno or first for edit in edits)
    lines = _bytes(edits[0].file)[first - 1 : last]
    changed = list(lines)
    for edit in reversed(edits):
        start, end = edit.node.lineno - first, (edit.node.end_lineno or first) - first
        if edit.before:
            end, end_column = start, edit.node.col_offset
        else:
            end_column = edit.node.end_col_offset or 0
        head, tail = changed[start][: edit.node.col_offset], changed[end][end_column:]
        changed[start : end + 1] = [head + edit.text.encode() + tail]
    before, after = (b"".join(each).decode(errors="replace").rstrip("\n").split("\n") for each in (lines, changed))
    # Only the lines that differ, but one at least, which says where.
    while len(before) > 1 and len(after) > 1 and before[0] == after[0]:
        del before[0], after[0]
        first += 1
    while len(before) > 1 and len(after) > 1 and before[-1] == after[-1]:
        del before[-1], after[-1]
    return SourceEdit(file=edits[0].file, line=first, before="\n".join(before), after="\n".join(after))


def _bytes(file: str) -> list[bytes]:
    return [line.encode() for line in linecache.getlines(file)]
