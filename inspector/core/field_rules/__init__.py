"""How each kind of operation carries receptive fields: one registry, shared by torch functions and ONNX nodes.

Canonical operations and their settings; lists have one entry for each windowed dimension, first dimension first, and
"axes" tells how many of the last dimensions are windowed:

* `windows`: conv, pool, conv_transpose, max_unpool: kernel, stride, padding (the one before), dilation;
  fractional_pool: kernel; adaptive_pool; unfold, fold: as conv, with "blocks", the number of windows.
* `resampling`: interpolate: mode, align_corners, antialias, ratio; pixel_shuffle, pixel_unshuffle: factor; pad: padding
  (the one before, for each dimension of the tensor), wraps.
* `layout`: permute: dims; view; repeat; flip: dims; roll: dims, shifts.
* `indexing`: slice: items; split: dim, unbind; gather: dim, index_rank; sample; cat, stack: dim; assign: items.
* `picking`: take: taken, kept; where: mask; scatter: kept.
* `mixing`: linear; matmul; einsum: operands, output; reduce: dims, keepdim; normalise, softmax, norms and
  cumulative: dims.
* `sequences`: embedding; attention: sequence_dim; rnn: dim.
* `pointwise`: elementwise, identity, expand; constant.
"""

from inspector.core.field_rules import indexing, layout, mixing, picking, pointwise, resampling, sequences, windows
from inspector.core.field_rules.registry import RULES, apply, rule

__all__ = [
    "RULES", "apply", "indexing", "layout", "mixing", "picking", "pointwise", "resampling", "rule", "sequences",
    "windows",
]  # fmt: skip
