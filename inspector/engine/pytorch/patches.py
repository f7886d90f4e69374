"""Edits of the user's source as a unified diff, which ``patch -p0`` applies."""

import difflib
import linecache
import os
from collections.abc import Iterable

from inspector.core.table import SourceEdit


def patch_of(edits: Iterable[SourceEdit]) -> str:
    """The diff that makes all `edits`; "" where there are none or the source cannot be read.

    Files below the current folder are named from there, others in full.
    """
    by_file: dict[str, list[SourceEdit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    return "".join(_diff(file, of_file) for file, of_file in by_file.items())


def _diff(file: str, edits: list[SourceEdit]) -> str:
    before = linecache.getlines(file)
    after = list(before)
    for edit in sorted(edits, key=lambda edit: edit.line, reverse=True):
        count = edit.before.count("\n") + 1
        after[edit.line - 1 : edit.line - 1 + count] = [line + "\n" for line in edit.after.split("\n")]
    name = os.path.relpath(file) if os.path.abspath(file).startswith(os.getcwd() + os.sep) else file
    lines = difflib.unified_diff(before, after, name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
