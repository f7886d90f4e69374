"""The user's functions that are running at a stop, with their lines and values."""

import inspect
import itertools
import linecache
import os
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from torch import nn

from inspector.core.stops import StopFrame
from inspector.engine.pytorch.calling import call_model
from inspector.engine.pytorch.source_lines import is_user_file, line_of
from inspector.engine.pytorch.stepping.stop_values import StopValues

MOST_LOCALS = 64
MOST_FRAMES = 32
"""Of those of an endless recursion, the innermost."""
_STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep
_PACKAGES = ("site-packages", "dist-packages")


class Running(NamedTuple):
    """A frame and where in it the pass is: a frame that raised may have run on since."""

    frame: FrameType
    line: int
    instruction: int


def frames_from(frame: FrameType | None) -> list[Running]:
    """The user's frames from `frame` outwards to the call of the model, innermost first."""
    found = []
    while frame is not None and frame.f_code is not call_model.__code__:
        if _is_users(frame.f_code):
            found.append(Running(frame, frame.f_lineno, frame.f_lasti))
        frame = frame.f_back
    return found


def frames_of(traceback: TracebackType | None) -> list[Running]:
    """The user's frames through which an exception went on its way out of the model, innermost first."""
    found: list[Running] = []
    for frame, line, instruction in _walk(traceback):
        if frame.f_code is call_model.__code__:
            found.clear()
        elif _is_users(frame.f_code):
            found.append(Running(frame, line, instruction))
    return found[::-1]


def described_frames(frames: list[Running], paths: dict[int, list[str]], values: StopValues) -> list[StopFrame]:
    """The frames as records; `paths` are those of the model's modules by their identity."""
    return [_described(running, paths, values) for running in frames[:MOST_FRAMES]]


def _walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno, traceback.tb_lasti
        traceback = traceback.tb_next


def _is_users(code: CodeType) -> bool:
    file = code.co_filename
    if not is_user_file(file):
        return False
    return not file.startswith(_STANDARD_LIBRARY) or any(part in file for part in _PACKAGES)


def _described(running: Running, paths: dict[int, list[str]], values: StopValues) -> StopFrame:
    frame, code = running.frame, running.frame.f_code
    # Not those of a comprehension, ".0", which no expression reaches.
    local = {name: value for name, value in frame.f_locals.items() if not name.startswith(("__", "."))}
    shown = [one for name, value in islice(local.items(), MOST_LOCALS) for one in values.described(value, name)]
    first_line, text = _code_text(code)
    return StopFrame(
        function=code.co_name,
        path=_path_of(frame, paths),
        source=line_of(code.co_filename, running.line),
        columns=_columns(code, running),
        first_line=first_line,
        code=text,
        locals=shown,
        left_out=max(0, len(local) - MOST_LOCALS),
    )


def _path_of(frame: FrameType, paths: dict[int, list[str]]) -> str | None:
    # By place, not by the name self, which is only a habit.
    first = frame.f_locals.get(frame.f_code.co_varnames[0]) if frame.f_code.co_argcount else None
    known = paths.get(id(first)) if isinstance(first, nn.Module) else None
    return known[0] if known else None


def _columns(code: CodeType, running: Running) -> list[int] | None:
    at = running.instruction // 2
    position = next(itertools.islice(code.co_positions(), at, at + 1), None)
    if position is None or None in position:
        return None
    line, last, start, end = position
    if line != last or line is None or start is None or end is None:
        return None
    # Columns count bytes.
    text = linecache.getline(code.co_filename, line).encode()
    return [len(text[:column].decode(errors="replace")) for column in (start, end)]


@lru_cache(maxsize=256)
def _code_text(code: CodeType) -> tuple[int, str]:
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        return code.co_firstlineno, ""
    return first, "".join(lines)
