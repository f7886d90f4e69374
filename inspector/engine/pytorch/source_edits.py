"""Edits of the user's source that keep all else as it is, and the unified diff that ``patch -p0`` applies."""

import ast
import difflib
import io
import linecache
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inspector.core.table import SourceEdit
from inspector.engine.pytorch.user_source import Node, lines_of, text_of

_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT}


@dataclass(frozen=True)
class Edit:
    """Text to put in the place of a node, or in front of it where `before` is set."""

    file: str
    node: Node
    text: str
    before: bool = False


def with_keyword(file: str, call: ast.Call, keyword: str, value: str) -> Edit:
    """The edit that gives a call an argument by name, in the place of the one that it has by that name."""
    given = next((each for each in call.keywords if each.arg == keyword), None)
    if given is not None:
        return Edit(file, given.value, value)
    # Brackets around it let the call be read wherever its lines break.
    text = f"({text_of(file, call)})"
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    last = [token for token in tokens if token.type not in _NO_CODE][-3]
    separator = "" if last.string == "(" else ", "
    lines, (row, column) = text.splitlines(keepends=True), last.start if last.string == "," else last.end
    lines[row - 1] = f"{lines[row - 1][:column]}{separator}{keyword}={value}{lines[row - 1][column:]}"
    return Edit(file, call, "".join(lines)[1:-1])


def patch(*edits: Edit) -> str:
    """The diff that makes all `edits`; "" where the source cannot be read."""
    return patch_of(edited(edits))


def patch_of(edits: Iterable[SourceEdit]) -> str:
    """The diff that makes all `edits`; "" where there are none or the source cannot be read.

    Files below the current folder are named from there, others in full.
    """
    by_file: dict[str, list[SourceEdit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    return "".join(_diff(file, of_file) for file, of_file in by_file.items())


def edited(edits: Iterable[Edit]) -> list[SourceEdit]:
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
    lines = lines_of(edits[0].file)[first - 1 : last]
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


def _diff(file: str, edits: list[SourceEdit]) -> str:
    before = linecache.getlines(file)
    after = list(before)
    for edit in sorted(edits, key=lambda edit: edit.line, reverse=True):
        count = edit.before.count("\n") + 1
        after[edit.line - 1 : edit.line - 1 + count] = [line + "\n" for line in edit.after.split("\n")]
    if not _ends_with_newline(file):
        before[-1], after[-1] = before[-1].removesuffix("\n"), after[-1].removesuffix("\n")
    path = Path(file).absolute()
    name = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
    lines = difflib.unified_diff(before, after, name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _ends_with_newline(file: str) -> bool:
    """Whether the last line has its end, which `linecache` gives it in any case."""
    try:
        return Path(file).read_bytes().endswith(b"\n")
    except OSError:  # of a notebook's cell
        return True
