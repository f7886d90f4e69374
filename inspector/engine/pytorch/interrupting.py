"""Interrupting the model's own code in a thread of this process."""

import ctypes
import sys
import threading

from inspector.engine.pytorch.calling import LEAVING, call_model

_PASS = call_model.__code__


def interrupt_pass(thread: threading.Thread) -> bool:
    """Raise KeyboardInterrupt at the next line of Python that a pass in `thread` comes to; False where none runs.

    Only while the model's code runs: what puts the model back afterwards must not be interrupted.
    """
    with LEAVING:
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None and frame.f_code is not _PASS:
            frame = frame.f_back
        if frame is None or thread.ident is None:
            return False
        raised: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
        )
        return raised == 1
