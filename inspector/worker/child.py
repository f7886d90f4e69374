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
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from inspector.engine.ranks import Ranks
    from inspector.worker import protocol
    from inspector.worker.serving import Server


def main(onnx: bool = False, as_rank: bool = False) -> None:
    """Serve until standard input ends; `onnx` says that the model will be an ONNX file.

    `as_rank`: this may be one of the processes of a torchrun, of which only rank 0 serves, and the others do what it
    does. What a front end starts by itself is not, whatever variables it was started with.
    """
    reading = os.fdopen(os.dup(0), "rb")
    writing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # It is how a pass is interrupted; shells have what they start in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ranks = int(os.environ.get("WORLD_SIZE", "1")) if as_rank else 1
    if ranks > 1 and os.environ.get("RANK", "0") != "0":
        # Standard input is shared, and rank 0 reads it.
        reading.close()
        writing.close()
        from inspector.worker.following import follow

        follow()
    else:
        _Serving(reading, writing, has_followers=ranks > 1).run(onnx)


class _Serving:
    """Requests in, answers out: one thread reads, the main thread carries out."""

    def __init__(self, reading: BinaryIO, writing: BinaryIO, has_followers: bool) -> None:
        self._reading = reading
        self._writing = writing
        self._sending = threading.Lock()
        self._turn = threading.Lock()
        """Held while the call that runs is changed or interrupted: an interrupt never meets the next one."""
        self._running: int | None = None
        self._calls: queue.SimpleQueue[protocol.Call] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._has_followers = has_followers
        self._ranks: Ranks | None = None

    def run(self, onnx: bool) -> None:
        """Greet, import the engine, carry out calls."""
        import platform

        from inspector.core.version import installed_version
        from inspector.worker.greeting import Greeting, greeting_line
        from inspector.worker.protocol import PROTOCOL_VERSION
        from inspector.worker.serving import Server

        greeting = Greeting(PROTOCOL_VERSION, installed_version(), platform.python_version(), os.getpid())
        self._write(greeting_line(greeting))
        threading.Thread(target=self._read, daemon=True, name="requests").start()
        _import_engine(onnx)
        if self._has_followers:
            from inspector.engine.ranks import Ranks

            self._ranks = Ranks()
        server = Server()
        while True:
            # An interrupt meant for a call that had just ended is nothing to stop at.
            with contextlib.suppress(KeyboardInterrupt):
                self._carry_out(server, self._calls.get())

    def _carry_out(self, server: "Server", call: "protocol.Call") -> None:
        from inspector.core.errors import RequestCancelledError
        from inspector.worker import protocol
        from inspector.worker.framing import encode
        from inspector.worker.pieces import in_pieces

        def progress(done: int, total: int | None, text: str) -> None:
            if call.id in self._cancelled:
                raise RequestCancelledError
            self._send(protocol.Progress(call.id, done, total, text))

        if self._ranks is not None:
            self._ranks.tell(bytes(encode(call)))
        with self._turn:
            self._running = call.id
        try:
            answer = server.answer(call, progress)
            if self._ranks is not None:
                from inspector.worker.rank_words import with_words

                answer = with_words(call, answer, self._ranks)
            with self._turn:
                self._running = None
        except KeyboardInterrupt:
            self._running = None
            answer = protocol.Refused(call.id, "cancelled", "cancelled")
        # What the model printed appears before what it returned.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        for message in in_pieces(answer) if isinstance(answer, protocol.Reply) else [answer]:
            self._send(message)

    def _read(self) -> None:
        import msgspec

        from inspector.worker import protocol
        from inspector.worker.framing import LENGTH_BYTES, length_of

        decoder: msgspec.msgpack.Decoder[protocol.FromClient] = msgspec.msgpack.Decoder(protocol.FromClient)
        try:
            while head := self._reading.read(LENGTH_BYTES):
                message = decoder.decode(self._reading.read(length_of(head)))
                if isinstance(message, protocol.Interrupt):
                    self._interrupt(message.id)
                elif message.request is not None:
                    self._calls.put(message)
                elif self._has_followers:
                    # Ranks that stop at different places would wait for each other for ever.
                    break
                else:
                    self._cancelled.add(message.id)
        except OSError:
            os._exit(protocol.PIPES_CLOSED)
        finally:
            # The client is gone: no orphans, also where the model's code does not listen.
            self._end_all()

    def _interrupt(self, number: int) -> None:
        with self._turn:
            if self._running != number:
                return
            if hasattr(signal, "pthread_kill"):
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, signal.SIGINT)
            else:
                import _thread

                _thread.interrupt_main()

    def _send(self, message: "protocol.Message") -> None:
        from inspector.worker.framing import frame

        self._write(frame(message))

    def _write(self, data: bytes) -> None:
        from inspector.worker.protocol import PIPES_CLOSED

        try:
            with self._sending:
                self._writing.write(data)
                self._writing.flush()
        except OSError:
            # The client is gone, or the model's code has closed files that it did not open.
            os._exit(PIPES_CLOSED)

    def _end_all(self) -> None:
        if self._ranks is not None:
            # One that was killed would be a failure to torchrun, which prints a report of it.
            with contextlib.suppress(Exception):  # whatever happens to the others, this one ends
                self._ranks.end()
        elif hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)


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
