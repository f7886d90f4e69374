"""The user's source line behind a call or an exception, and the function it stands in."""

import ast
import inspect
import itertools
import linecache
import os
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch

from inspector.core.results import SourceReport
from inspector.core.table import Source
from inspector.engine.pytorch.calling import call_model

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_PASS = call_model.__code__
_own: dict[str, bool] = {}


def is_user_file(filename: str) -> bool:
    """Whether a file is neither torch's nor ours nor made up by Python."""
    known = _own.get(filename)
    if known is None:
        known = not (filename.startswith((_OURS, _TORCH)) or (filename.startswith("<") and filename[1:7] != "ipytho"))
        _own[filename] = known
    return known


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the user's code, from `frame` on outwards; None where there is none.

    Beyond the call of the model there is none: whatever asked for the pass is no part of it.
    """
    while frame is not None and frame.f_code is not _PASS:
        if is_user_file(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def user_functions(cls: type) -> Iterator[FunctionType]:
    """The functions of a class and of those that it inherits from that the user's code defines."""
    for owner in cls.__mro__:
        for value in vars(owner).values():
            if isinstance(value, FunctionType) and is_user_file(value.__code__.co_filename):
                yield value


def user_source(traceback: TracebackType | None) -> Source | None:
    """The innermost line of the user's code in a traceback; None where there is none."""
    found: Source | None = None
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if is_user_file(filename):
            found = line_of(filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def called_text(frame: FrameType | None) -> str:
    """What a frame is calling now, as its source names it: ``self.conv``; "" where that is not on one line."""
    if frame is None:
        return ""
    positions = list(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, frame.f_lasti // 2 + 1))
    line, last, start, end = positions[0] if positions else (None, None, None, None)
    if line is None or line != last or start is None or end is None:
        return ""
    # Columns count bytes.
    text = linecache.getline(frame.f_code.co_filename, line).encode()[start:end].decode(errors="replace")
    return text.partition("(")[0].strip()


def line_of(file: str, line: int) -> Source:
    """A source line with its text."""
    return Source(file=file, line=line, text=linecache.getline(file, line).strip())


def function_source(path: str, function: Callable[..., Any], at: Source | None) -> SourceReport:
    """The code of a function, or of the one that holds the line `at` where that is another; "" where there is none."""
    linecache.checkcache()
    try:
        file = inspect.getsourcefile(function)
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        file, lines, first = None, [], 0
    if at is not None and not (file == at.file and first <= at.line < first + len(lines)):
        whole = linecache.getlines(at.file)
        around = _lines_around("".join(whole), at.line)
        if around is not None:
            file, first, lines = at.file, around[0], whole[around[0] - 1 : around[1]]
    return SourceReport(path=path, file=file, first_line=first, text="".join(lines))


def script_source(path: str, module: torch.jit.ScriptModule) -> SourceReport:
    """What TorchScript made of a module's forward; "" where it has none."""
    try:
        # A traced module keeps its code in the scripted one behind it.
        text = str(module.__dict__.get("_actual_script_module", module).code)
    except (AttributeError, RuntimeError):
        text = ""
    return SourceReport(path=path, file=None, first_line=1, text=text)


def _lines_around(code: str, line: int) -> tuple[int, int] | None:
    """First and last line of the innermost function that holds a line."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return None
    found = [
        (min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return max((span for span in found if span[0] <= line <= span[1]), default=None)
