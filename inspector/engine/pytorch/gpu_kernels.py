"""On meta torch takes the ways of the CPU; where those of a GPU need other memory, they are put in their place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Run = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
_aten = torch.ops.aten


@contextmanager
def gpu_attention() -> Iterator[None]:
    """Attention on meta runs as the fused kernels do, also where a function of torch calls it."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("scaled_dot_product_attention", _attention, "AutogradMeta")
    try:
        yield
    finally:
        # With the library go its entries.
        del library


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **settings: Any,
) -> Any:
    """A fused kernel never holds the matrix of attention weights.

    All of them keep the same: their inputs, the mask, the output and a number for each query.
    """
    learned = attn_mask is not None and attn_mask.requires_grad
    if query.ndim != 4 or query.shape[-1] != value.shape[-1] or learned:
        whole = _aten.scaled_dot_product_attention.default
        return whole.decompose(query, key, value, attn_mask, dropout_p, is_causal, **settings)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        # torch makes numbers of it.
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype)
    fused = _aten._scaled_dot_product_flash_attention_for_cpu.default
    return fused(query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=settings.get("scale"))[0]


def with_gpu_dropout(run: Run) -> Run:
    """`run`, but dropout keeps a mask of one byte for each element, as on a GPU, not one of the input's dtype."""

    def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if training and input.is_meta and input.requires_grad and not inplace and 0 < p < 1:
            return run(torch.native_dropout, (input, p, True), {})[0]
        return run(nn.functional.dropout, (input, p, training, inplace), {})

    def call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return dropout(*args, **kwargs) if func is nn.functional.dropout else run(func, args, kwargs)

    return call
