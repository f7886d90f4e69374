"""Floating-point operations of a pass, by the formulas of torch's own `FlopCounterMode`.

Those formulas are for the operations that work is in: matrix products, convolutions, attention. On the CPU torch runs
attention and recurrent layers by operations that have no formula there, so two are added: they count what the same
call counts on meta.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from inspector.engine.pytorch.dispatch_modes import UncompiledDispatchMode


class OperationCounter(UncompiledDispatchMode):
    """While entered, tells `count` the floating-point operations of each operation that has a formula.

    A multiply-add is two operations. Source of the formulas: `torch.utils.flop_counter`.
    """

    def __init__(self, count: Callable[[int], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._count = count
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", func)
        formula = _FORMULAS.get(packet)
        # Nested tensors have their own kernels, and no sizes that a decomposition could ask for.
        if formula is None and packet is not func and not any(getattr(value, "is_nested", False) for value in args):
            with self:
                # An operation made of others counts as those.
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        if formula is not None:
            self.add(int(formula(*args, **kwargs, out_val=result)))
        return result

    def add(self, flops: int) -> None:
        """Count operations that are known already, which need not be run."""
        self.total += flops
        self._count(flops)


def _attention_on_cpu(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))


def _recurrent_layer_on_cpu(
    sequence: torch.Tensor, input_weight: torch.Tensor, hidden_weight: torch.Tensor, *_: Any, **__: Any
) -> int:
    """One layer in one direction: each step and sample multiplies both weights with a vector."""
    return 2 * prod(sequence.shape[:2]) * (input_weight.numel() + hidden_weight.numel())


_FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_on_cpu,
    torch.ops.aten.mkldnn_rnn_layer: _recurrent_layer_on_cpu,
}
