"""The user's source line behind a call or an exception."""

import linecache
import os
import sys
from types import FrameType, TracebackType

import torch

from inspector.core.table import Source

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_own: dict[str, bool] = {}


def is_user_file(filename: str) -> bool:
    """Whether a file is neither torch's nor ours nor made up by Python."""
    known = _own.get(filename)
    if known is None:
        known = not (filename.startswith((_OURS, _TORCH)) or (filename.startswith("<") and filename[1:7] != "ipytho"))
        _own[filename] = known
    return known


def calling_source(start: FrameType | None = None) -> Source | None:
    """The innermost line of the user's code on the stack now; None where there is none."""
    frame = start or sys._getframe(1)
    at: FrameType | None = frame
    while at is not None:
        if is_user_file(at.f_code.co_filename):
            return line_of(at.f_code.co_filename, at.f_lineno)
        at = at.f_back
    return None


def user_source(traceback: TracebackType | None) -> Source | None:
    """The innermost line of the user's code in a traceback; None where there is none."""
    found: Source | None = None
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if is_user_file(filename):
            found = line_of(filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def line_of(file: str, line: int) -> Source:
    """A source line with its text."""
    return Source(file=file, line=line, text=linecache.getline(file, line).strip())
