"""The worker process: requests come in on standard input, answers go out on what was standard output.

Descriptors are moved before anything else is imported, so that whatever the model's code prints, also from C, lands on
standard error and never in the protocol.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO


def main(onnx: bool = False) -> None:
    """Serve until standard input ends; `onnx` says that the model will be an ONNX file."""
    reading = os.fdopen(os.dup(0), "rb")
    writing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _serve(reading, writing, onnx)


def _serve(reading: BinaryIO, writing: BinaryIO, onnx: bool) -> None:
    import platform

    import msgspec

    from inspector.core.errors import RequestCancelledError
    from inspector.worker import protocol
    from inspector.worker.framing import LENGTH_BYTES, frame, length_of
    from inspector.worker.serving import Server

    calls: queue.SimpleQueue[protocol.Call] = queue.SimpleQueue()
    cancelled: set[int] = set()
    lock = threading.Lock()
    decoder = msgspec.msgpack.Decoder(protocol.Call)

    def send(message: protocol.Message) -> None:
        try:
            with lock:
                writing.write(frame(message))
                writing.flush()
        except OSError:
            # The client is gone, or the model's code has closed files that it did not open.
            os._exit(protocol.PIPES_CLOSED)

    def read() -> None:
        try:
            while head := reading.read(LENGTH_BYTES):
                call = decoder.decode(reading.read(length_of(head)))
                if call.request is None:
                    cancelled.add(call.id)
                else:
                    calls.put(call)
        except OSError:
            os._exit(protocol.PIPES_CLOSED)
        finally:
            # The client is gone: no orphans, also where the model's code does not listen.
            _end_all()

    send(protocol.Hello(protocol.PROTOCOL_VERSION, platform.python_version(), os.getpid()))
    threading.Thread(target=read, daemon=True, name="requests").start()
    _import_engine(onnx)
    server = Server()
    while True:
        try:
            call = calls.get()

            def progress(done: int, total: int | None, text: str, number: int = call.id) -> None:
                if number in cancelled:
                    raise RequestCancelledError
                send(protocol.Progress(number, done, total, text))

            answer: protocol.Message = server.answer(call, progress)
            # What the model printed appears before what it returned.
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            send(answer)
        except KeyboardInterrupt:
            # An interrupt meant for a call that had just ended.
            continue


def _import_engine(onnx: bool) -> None:
    try:
        # Now, while nobody waits. Most of what is asked of an ONNX file takes no torch, and less time than its import.
        if onnx:
            import inspector.engine.onnx_model
        else:
            import inspector.engine.random_state  # noqa: F401
    except BaseException as problem:
        name = "onnx" if onnx else "torch"
        print(f"importing {name} failed: {type(problem).__name__}: {problem}", file=sys.stderr, flush=True)


def _end_all() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
