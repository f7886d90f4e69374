"""Calls that take operands of one dtype only: torch's real kernels refuse a mixture, those on meta let it pass."""

from typing import Any

from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import canonical_name

TAKE_ONE_DTYPE = {
    "linear", "bilinear", "matmul", "rmatmul", "mm", "bmm", "mv", "addmm", "addmv", "addbmm", "baddbmm",
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell",
    "multi_head_attention_forward", "scaled_dot_product_attention",
    "cdist", "grid_sample", "grid_sampler", "index_add",
}  # fmt: skip
"""Found by running each on the CPU and on meta with every pair of dtypes. The norms are left out: they take parameters
that are wider than their input."""


def mixed_dtypes(func: Any, args: Any, kwargs: Any) -> list[str]:
    """The dtypes that a call mixes although it takes one only, sorted; none where it is in order.

    Integers and booleans beside the first operand are lengths, indices and masks.
    """
    if canonical_name(func) not in TAKE_ONE_DTYPE:
        return []
    tensors = list(tensors_in((args, kwargs)))
    dtypes = {tensor.dtype for tensor in tensors[:1]}
    dtypes |= {tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()}
    return sorted(str(dtype).removeprefix("torch.") for dtype in dtypes) if len(dtypes) > 1 else []
