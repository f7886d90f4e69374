"""The interface on a live object, in the terminal of the caller's program."""

import asyncio
import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, Unpack

from inspector.api.opening import Model, Opening, opened
from inspector.core.errors import RequestError


def explore(model: Model, *inputs: Any, **opening: Unpack[Opening]) -> None:
    """Open the interface on a live model; returns when it is left. Arguments as for `inspector.summary`.

    Looking changes nothing. Changes that are made in the interface are made to the object and stay; ``u`` takes them
    back. Passes run on the inputs given, and on others that are typed. Works in a script, a REPL and at a breakpoint,
    also where an event loop runs in this thread: that one waits. Themes, keys and what else is on show are those of the
    settings file; nothing is remembered.

    Raises RequestError where there is no terminal, outside of the main thread, and for settings that cannot be taken.
    """
    _refuse_no_terminal()
    with opened(model, inputs, opening, in_threads=True) as (client, recipe):
        from inspector.files.settings_file import read_settings
        from inspector.tui.running import run

        chosen = read_settings()
        with _outer_loop_put_aside(), _signals_kept(), _nothing_to_read():
            status = run(client, recipe, chosen=chosen)
    if status > 128:
        # The signal that ended the interface was meant for the whole program.
        signal.raise_signal(status - 128)


def _refuse_no_terminal() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RequestError("explore() draws and reads keys in the main thread; call it there")
    for name, stream in (("input", sys.stdin), ("output", sys.stdout)):
        if stream is None or not stream.isatty():
            raise RequestError(
                f"explore() needs a terminal, and standard {name} is none; in a notebook show "
                "inspector.summary(model), under pytest run with -s"
            )


@contextlib.contextmanager
def _outer_loop_put_aside() -> Iterator[None]:
    """Lets another event loop run in a thread in which one does already; that one stands still, as at a breakpoint."""
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)


@contextlib.contextmanager
def _nothing_to_read() -> Iterator[None]:
    """What is typed is for the interface, which reads the terminal; a model that asks for input gets EOFError."""
    kept, sys.stdin = sys.stdin, io.StringIO()
    try:
        yield
    finally:
        sys.stdin = kept


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """The program's own handlers, which the interface replaces while it is open."""
    kept = {number: signal.getsignal(number) for number in signal.valid_signals() if number not in _FIXED}
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in kept.items():
            # None: it was not set from Python, which cannot set it either.
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


_FIXED = {signal.SIGKILL, signal.SIGSTOP} if sys.platform != "win32" else set[signal.Signals]()
