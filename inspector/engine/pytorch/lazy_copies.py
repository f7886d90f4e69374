"""Copies of tensors that take time and memory only once one of the two is written to.

By torch's own copy-on-write storages, which are no public API: where a version of torch lacks them, or they do not take
a tensor's memory (that of numpy, of a mapped file, shared with another process), the copy is made at once.
"""

import torch

_FUNCTIONS = (
    getattr(torch, "_lazy_clone", None),
    getattr(torch._C, "_is_cow_tensor", None),
    getattr(torch._C, "_data_address", None),
)
"""In torch 2.2 to 2.13 at least."""
_CLONED_LAZILY = (torch.Tensor, torch.nn.Parameter)


def lazy_copy(tensor: torch.Tensor) -> torch.Tensor:
    """What the tensor holds now, whatever is written to it later."""
    lazy_clone, _, _ = _FUNCTIONS
    detached = tensor.detach()
    if lazy_clone is None or type(tensor) not in _CLONED_LAZILY or tensor.layout != torch.strided:
        return detached.clone()
    try:
        copied: torch.Tensor = lazy_clone(detached)
    except RuntimeError:
        return detached.clone()
    return copied


def is_unwritten(tensor: torch.Tensor, copy: torch.Tensor) -> bool:
    """Whether nothing can have been written to `tensor` since `copy` was made of it; False where nobody knows."""
    _, is_lazy, _ = _FUNCTIONS
    if is_lazy is None or not is_lazy(tensor):
        return False
    return address(tensor) == address(copy) and tensor.shape == copy.shape and tensor.stride() == copy.stride()


def address(tensor: torch.Tensor) -> int:
    """Where its first element lies; `Tensor.data_ptr` may write, so it would make the copy of a lazy one."""
    _, _, data_address = _FUNCTIONS
    return tensor.data_ptr() if data_address is None else int(data_address(tensor))
