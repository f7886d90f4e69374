"""The memory behind tensors: a storage may be shared by many, and is counted once."""

from collections.abc import Iterable

import torch


def storage_of(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """The memory that a tensor looks into; None for sparse tensors and others that have none of their own."""
    try:
        return tensor.untyped_storage()
    except (RuntimeError, NotImplementedError, TypeError):
        return None


def identity_of(storage: torch.UntypedStorage) -> int:
    """The address of the storage object, not of its data, which is 0 on meta. Holds while the storage lives."""
    return int(storage._cdata)


def version_of(tensor: torch.Tensor) -> int:
    """How often a tensor, or another view of its memory, was changed in place."""
    try:
        return tensor._version
    except RuntimeError:  # a tensor of inference mode keeps none
        return 0


def bytes_made(inputs: Iterable[torch.Tensor], outputs: Iterable[torch.Tensor]) -> int:
    """Bytes of the storages of `outputs` that none of `inputs` lies in, each once."""
    made = {identity_of(storage): storage.nbytes() for storage in map(storage_of, outputs) if storage is not None}
    for storage in map(storage_of, inputs) if made else ():
        if storage is not None:
            made.pop(identity_of(storage), None)
    return sum(made.values())
