"""The processes that torchrun started, and how rank 0 tells the others what it does.

Through the store at MASTER_ADDR and not through a process group: the group is the model's own to make, of the kind and
with the devices that it wants.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

from torch.distributed import DistStoreError, TCPStore  # type: ignore[attr-defined]  # documented, not in __all__

_TO_CONNECT = timedelta(minutes=1)
_PATIENCE = timedelta(hours=1)
"""How long one question to the store may wait; it is asked again."""
_FOR_OTHERS = timedelta(seconds=30)
"""How long rank 0 waits for what another says of a call that it has itself carried out."""


class Ranks:
    """One end of the talk; raises torch.distributed.DistError where the store is gone."""

    def __init__(self) -> None:
        self.rank = int(os.environ["RANK"])
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self._prefix = f"nninspect/{attempt}"
        self._calls = 0
        self._store = self._connected()

    def tell(self, call: bytes) -> None:
        """What all are to do next, in rank 0."""
        self._store.set(f"{self._prefix}/call/{self._calls}", call)  # type: ignore[arg-type]  # bytes as well
        self._calls += 1

    def hear(self) -> bytes:
        """What all are to do next, in the others; waits for it."""
        heard = _waited_for(self._store, f"{self._prefix}/call/{self._calls}")
        self._calls += 1
        return heard

    def say(self, word: bytes) -> None:
        """What came of it, in the others."""
        self._store.set(f"{self._prefix}/word/{self._calls}/{self.rank}", word)  # type: ignore[arg-type]  # as above

    def words(self) -> Iterator[tuple[int, bytes | None]]:
        """What came of it in each of the others, in rank 0; None of one that has not come to its end in time."""
        for rank in range(1, int(os.environ["WORLD_SIZE"])):
            key = f"{self._prefix}/word/{self._calls}/{rank}"
            try:
                self._store.wait([key], _FOR_OTHERS)
            except DistStoreError:
                yield rank, None
            else:
                yield rank, self._store.get(key)

    def end(self) -> None:
        """Let all others end, from any thread of rank 0."""
        self._connected().set(f"{self._prefix}/end", "1")

    def wait_for_end(self) -> None:
        """Return when rank 0 ends, or what holds the store does; from a thread of its own."""
        try:
            _waited_for(self._connected(), f"{self._prefix}/end")
        except RuntimeError:
            # The store has gone with the process that held it.
            return

    def _connected(self) -> TCPStore:
        # torchrun holds the store itself. Where ranks are started by hand, rank 0 does, and the model's group shares it
        held_elsewhere = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        store = TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=self.rank == 0 and not held_elsewhere,
            timeout=_TO_CONNECT,
            wait_for_workers=False,
            multi_tenant=True,
        )
        store.set_timeout(_PATIENCE)
        return store


def _waited_for(store: TCPStore, key: str) -> bytes:
    while True:
        try:
            value: bytes = store.get(key)
        except DistStoreError:
            continue
        return value
