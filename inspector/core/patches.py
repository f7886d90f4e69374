"""Changes of Python source as unified diffs: one call of it given other arguments, all else kept as it is."""

import ast
import difflib
import linecache
import os
from functools import lru_cache


def parsed(file: str) -> ast.Module | None:
    """The syntax tree of a file as it is now; None where it cannot be read."""
    linecache.checkcache(file)
    return _parsed("".join(linecache.getlines(file)))


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def callee(call: ast.Call) -> str:
    """The last part of what is called: ``Linear`` of ``nn.Linear(3, 4)``."""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def calls_at(file: str, line: int, name: str) -> list[ast.Call]:
    """The calls of `name` that the statement on a line makes."""
    tree = parsed(file)
    if tree is None:
        return []
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and callee(node) == name
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]


def with_keyword(file: str, call: ast.Call, keyword: str, value: str) -> str:
    """The diff that gives a call an argument by name, in the place of the one that it has by that name."""
    given = next((each for each in call.keywords if each.arg == keyword), None)
    if given is not None:
        return replaced(file, given.value, value)
    last = call.end_lineno or call.lineno
    end = (call.end_col_offset or 1) - 1
    separator = ", " if call.args or call.keywords else ""
    lines = linecache.getlines(file)
    before = lines[last - 1].encode()[:end].decode().rstrip()
    if before.endswith(","):
        separator = " "
    elif not before:
        # The bracket stands alone: the argument goes behind the last one.
        node = max([*call.args, *(each.value for each in call.keywords)], key=lambda one: one.end_lineno or 0)
        last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return _diff(file, (last, end), (last, end), f"{separator}{keyword}={value}")


def replaced(file: str, node: ast.expr | ast.stmt, text: str) -> str:
    """The diff that puts other text in the place of an expression or a statement."""
    start = node.lineno, node.col_offset
    return _diff(file, start, (node.end_lineno or node.lineno, node.end_col_offset or 0), text)


def _diff(file: str, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    """Columns count bytes, as those of syntax trees do."""
    before = linecache.getlines(file)
    if not before or end[0] > len(before):
        return ""
    first, last = before[start[0] - 1].encode(), before[end[0] - 1].encode()
    changed = (first[: start[1]] + text.encode() + last[end[1] :]).decode()
    after = [*before[: start[0] - 1], *changed.splitlines(keepends=True), *before[end[0] :]]
    name = os.path.relpath(file)
    name = file if name.startswith("..") else name
    return "".join(difflib.unified_diff(before, after, name, name))
