"""The ranks of a torchrun beside rank 0: each carries out what rank 0 is asked.

Layers that are spread over processes compute together; where only one of them ran forward, it would wait for ever.
"""

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from inspector.worker import protocol

if TYPE_CHECKING:
    from inspector.engine.ranks import Ranks


def follow() -> None:
    """Do what rank 0 does, until it ends."""
    from inspector.engine.ranks import Ranks
    from inspector.worker.rank_words import word_of
    from inspector.worker.serving import Server

    ranks = Ranks()
    threading.Thread(target=_end_with, args=(ranks,), daemon=True, name="rank 0").start()
    decoder = msgspec.msgpack.Decoder(protocol.Call)
    server = Server()
    while True:
        call = decoder.decode(ranks.hear())
        with tempfile.TemporaryDirectory() as folder:
            answer = server.answer(protocol.Call(call.id, _written_aside(call.request, folder)), lambda *_: None)
        word = word_of(call, answer)
        if word.text:
            # Rank 0 may be waiting for this one in what they compute together, and never hear of it.
            what = type(call.request).__name__.lower()
            print(f"rank {ranks.rank}, {what}: {word.text}", file=sys.stderr, flush=True)
        ranks.say(msgspec.msgpack.encode(word))


def _end_with(ranks: "Ranks") -> None:
    ranks.wait_for_end()
    os._exit(0)


def _written_aside(request: Any, folder: str) -> Any:
    """The request with the same work to do and a file of this rank's own to write: rank 0 writes the one asked for."""

    def aside(path: str) -> str:
        return str(Path(folder) / Path(path).name)

    change = msgspec.structs.replace
    match request:
        case protocol.Save(path=path):
            return change(request, path=aside(path), overwrite=True)
        case protocol.Export(settings=settings):
            return change(request, settings=change(settings, path=aside(settings.path), overwrite=True))
        case protocol.Repair(settings=settings) if settings.output is not None:
            return change(request, settings=change(settings, output=aside(settings.output), overwrite=True))
    return request
