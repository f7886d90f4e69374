"""Which memory is in use while operations run, how much at most, and what it is in use for."""

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch

from inspector.core.memory import USES, Use
from inspector.engine.pytorch.dispatch_modes import UncompiledDispatchMode
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.storages import identity_of, storage_of

W = TypeVar("W")


class LiveStorages(UncompiledDispatchMode, Generic[W]):
    """While entered, follows every storage that an operation makes until it is given back.

    Works on meta as on real memory: storages there have sizes too. What an operation needs inside itself is not seen.
    """

    def __init__(self, where: Callable[[], W]) -> None:
        """`where` tells what is running, to be kept with the peak."""
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._where = where
        self._followed: dict[int, tuple[weakref.ref[torch.UntypedStorage], int]] = {}
        self._uses: dict[int, Use] = {}
        self.in_use: dict[Use, int] = dict.fromkeys(USES, 0)
        self._bytes = 0
        self.most = 0
        self.at_most: tuple[W, dict[Use, int]] | None = None
        """What ran when most was in use, and the bytes of each use then."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tensors_in(result):
            self.follow(tensor)
        return result

    def follow(self, tensor: torch.Tensor, use: Use = "other") -> None:
        """Count the tensor's storage from now on, for this use unless it has one."""
        storage = storage_of(tensor)
        if storage is None:
            return
        key, size = identity_of(storage), storage.nbytes()
        known = self._followed.get(key)
        if known is None:
            self._followed[key] = (weakref.ref(storage, lambda _: self._given_back(key)), size)
            self._uses[key] = use
            self._change(use, size)
        elif known[1] != size:
            # An in-place operation may make it larger.
            self._followed[key] = (known[0], size)
            self._change(self._uses[key], size - known[1])

    def use_of(self, tensor: torch.Tensor) -> Use | None:
        """What the tensor's storage is in use for; None where it is not followed."""
        storage = storage_of(tensor)
        return None if storage is None else self._uses.get(identity_of(storage))

    def put_to(self, use: Use, tensor: torch.Tensor) -> int:
        """From now on the tensor's storage, if it is followed, is in use for this; return its bytes."""
        storage = storage_of(tensor)
        key = None if storage is None else identity_of(storage)
        if key is None or key not in self._followed:
            return 0
        size = self._followed[key][1]
        self.in_use[self._uses[key]] -= size
        self.in_use[use] += size
        self._uses[key] = use
        return size

    def _change(self, use: Use, size: int) -> None:
        self.in_use[use] += size
        self._bytes += size
        if self._bytes > self.most:
            self.most = self._bytes
            self.at_most = (self._where(), dict(self.in_use))

    def _given_back(self, key: int) -> None:
        _, size = self._followed.pop(key)
        self.in_use[self._uses.pop(key)] -= size
        self._bytes -= size
