"""What the functions behind layers want: convolutions, products, tables, norms, poolings, attention."""

import torch

from inspector.engine.pytorch.inputs.call_wants import INTEGERS, Call, anything, indices, last_axis, of_rank, wanted_by
from inspector.engine.pytorch.inputs.usual import usual_sizes
from inspector.engine.pytorch.inputs.wants import Want
from inspector.engine.pytorch.op_calls import each
from inspector.engine.pytorch.structure import dtype_name


@wanted_by("conv1d conv2d conv3d")
def _convolution(call: Call) -> list[Want]:
    x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
    if x is None or weight is None:
        return []
    channels = weight.shape[1] * int(call.get(6, "groups", 1))
    stride = max(each(call.get(3, "stride", 1), weight.ndim - 2))
    return _windows(call, x, weight, channels, usual_sizes(weight.ndim - 2, channels, stride=stride))


@wanted_by("conv_transpose1d conv_transpose2d conv_transpose3d")
def _transposed(call: Call) -> list[Want]:
    x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
    if x is None or weight is None:
        return []
    stride, padding = call.get(3, "stride", 1), call.get(4, "padding", 0)
    axes = weight.ndim - 2
    # From a vector: a first step that neither strides nor pads makes of one position as many as the kernel has.
    side = 1 if set(each(stride, axes)) == {1} and set(each(padding, axes)) == {0} else 8
    return _windows(call, x, weight, weight.shape[0], (side,) * axes)


def _windows(call: Call, x: torch.Tensor, weight: torch.Tensor, channels: int, free: tuple[int, ...]) -> list[Want]:
    rank = weight.ndim
    if x.ndim != rank or x.shape[1] != channels:
        shape = (None, channels, *(None for _ in free))
        return call.want(x, shape=shape, free=(None, None, *free))
    if x.dtype != weight.dtype:
        return call.want(x, dtype=dtype_name(weight.dtype))
    kernel = tuple(weight.shape[2:])
    if len(set(kernel)) > 1:
        # A kernel as wide as the vectors of a text, or as high as a spectrum: it covers that axis exactly.
        fitting = tuple(size if size > x.shape[2 + at] else None for at, size in enumerate(kernel))
        return call.want(x, shape=(None, None, *fitting)) + call.want(x, grow=tuple(range(2, rank)))
    return call.want(x, grow=tuple(range(2, rank)))


@wanted_by("linear")
def _linear(call: Call) -> list[Want]:
    x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
    if x is None or weight is None:
        return []
    if x.ndim == 0:
        return call.want(x, shape=(None, weight.shape[-1]), free=(1, None))
    if x.shape[-1] != weight.shape[-1]:
        return last_axis(call, x, weight.shape[-1]) + last_axis(call, weight, x.shape[-1])
    return call.want(x, dtype=dtype_name(weight.dtype)) if x.dtype != weight.dtype else []


@wanted_by("bilinear")
def _bilinear(call: Call) -> list[Want]:
    one, other, weight = call.tensor(0, "input1"), call.tensor(1, "input2"), call.tensor(2, "weight")
    found = []
    for x, axis in ((one, 1), (other, 2)):
        if x is not None and weight is not None and x.shape[-1] != weight.shape[axis]:
            found += last_axis(call, x, weight.shape[axis])
    return found


@wanted_by("matmul mm bmm addmm rmatmul mv baddbmm dot sparse_mm spmm sparse.mm chain_matmul")
def _product(call: Call) -> list[Want]:
    operands = [value for value in call.args if isinstance(value, torch.Tensor)][-2:]
    if len(operands) < 2:
        return []
    left, right = reversed(operands) if call.name == "rmatmul" else operands
    rank = {"mm": 2, "bmm": 3, "addmm": 2, "baddbmm": 3}.get(call.name)
    found: list[Want] = []
    for x in (left, right):
        if rank is not None and x.ndim != rank:
            found += call.want(x, shape=(None,) * rank, free=(None,) * rank)
        elif x.ndim == 0:
            found += call.want(x, shape=(None, None), free=(1, 16))
    if found:
        return found
    inner = right.shape[-2] if right.ndim > 1 else right.shape[0]
    if left.shape[-1] != inner:
        found += last_axis(call, left, inner)
        if right.ndim > 1:
            found += call.want(right, shape=(*(None for _ in right.shape[:-2]), left.shape[-1], None))
        else:
            found += call.want(right, shape=(left.shape[-1],))
    if left.dtype != right.dtype:
        for x, other in ((left, right), (right, left)):
            if other.is_floating_point():
                found += call.want(x, dtype=dtype_name(other.dtype))
    if left.ndim > 2 and right.ndim > 2 and left.shape[:-2] != right.shape[:-2]:
        found += call.want(right, shape=(*left.shape[:-2], None, None))
        found += call.want(left, shape=(*right.shape[:-2], None, None))
    return found


@wanted_by("embedding")
def _embedding(call: Call) -> list[Want]:
    weight = call.tensor(1, "weight")
    return indices(call, call.tensor(0, "input"), None if weight is None else weight.shape[0])


@wanted_by("embedding_bag")
def _embedding_bag(call: Call) -> list[Want]:
    index, weight, offsets = call.tensor(0, "input"), call.tensor(1, "weight"), call.tensor(2, "offsets")
    if weight is not None and index is not None and not weight.is_floating_point():
        index, weight = weight, index
    if index is None or weight is None:
        return []
    found = call.want(index, dtype="int64", high=weight.shape[0]) if index.dtype not in INTEGERS else []
    if offsets is None:
        return found or indices(call, index, weight.shape[0])
    if index.ndim != 1:
        found += call.want(index, shape=(None,), free=(16,))
    if offsets.ndim != 1:
        found += call.want(offsets, shape=(None,), free=(1,))
    return found + call.want(offsets, dtype="int64", high=1)


@wanted_by("batch_norm group_norm instance_norm")
def _norm(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    held = [value for value in (*call.args[1:], *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    if x is None:
        return []
    if held and x.ndim > 1 and x.shape[1] != held[0].shape[0]:
        return call.want(x, shape=(None, held[0].shape[0], *(None for _ in x.shape[2:])))
    if call.name != "batch_norm" and x.ndim < 3:
        made = [want for want in call.want(x, shape=(2, None)) if not any(one.same_values for one in want.origins)]
        # Vectors that a layer made: a group of one channel has no variance over one sample, and has one over two.
        vectors = made if call.name == "group_norm" and x.ndim == 2 else []
        return vectors + call.want(x, shape=(None,) * 4, free=(None, None, 32, 32))
    if held and x.dtype != held[0].dtype:
        return call.want(x, dtype=dtype_name(held[0].dtype))
    return call.want(x, grow=tuple(range(2, x.ndim)))


@wanted_by("layer_norm rms_norm")
def _layer_norm(call: Call) -> list[Want]:
    x, shape = call.tensor(0, "input"), tuple(call.get(1, "normalized_shape") or ())
    if x is None:
        return []
    if x.ndim < len(shape):
        return call.want(x, shape=(None, *shape))
    if tuple(x.shape[-len(shape) :]) != shape:
        return call.want(x, shape=(*(None for _ in x.shape[: -len(shape)]), *shape))
    return call.want(x, dtype="float32") if not x.is_floating_point() else []


@wanted_by(
    "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d "
    "pad interpolate upsample unfold fold pixel_shuffle pixel_unshuffle grid_sample instance_norm "
    "fractional_max_pool2d"
)
def _spatial(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    if x is None:
        return []
    digit = next((int(part) for part in call.name if part.isdigit()), None)
    axes = digit
    if call.name in ("interpolate", "upsample"):
        axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(str(call.get(3, "mode", "nearest")), 2)
    elif call.name == "pad":
        padding = call.get(1, "pad") or ()
        if x.ndim < len(padding) // 2:
            return of_rank(call, [x], len(padding) // 2)
        axes = len(padding) // 2
    elif axes is None:
        axes = 2
    if call.name != "pad" and x.ndim != axes + 2:
        channels = x.shape[1] if x.ndim > 2 else 3
        return call.want(x, shape=(None,) * (axes + 2), free=(None, channels, *usual_sizes(axes, channels)))
    if not x.is_floating_point():
        return call.want(x, dtype="float32")
    return call.want(x, grow=tuple(range(x.ndim - axes, x.ndim)))


@wanted_by("_pack_padded_sequence pack_padded_sequence")
def _packed(call: Call) -> list[Want]:
    x, lengths = call.tensor(0, "input"), call.tensor(1, "lengths")
    if x is None or lengths is None:
        return []
    batch_first = bool(call.get(2, "batch_first", False))
    batch, length = (x.shape[0], x.shape[1]) if batch_first else (x.shape[1], x.shape[0])
    found = []
    if lengths.dtype != torch.int64 or lengths.ndim != 1:
        found += call.want(lengths, shape=(None,), free=(batch,), dtype="int64", high=-length)
    if lengths.ndim == 1 and lengths.shape[0] != batch:
        found += call.want(lengths, shape=(batch,), dtype="int64", high=-length)
    return found + call.want(lengths, high=-length)


@wanted_by("einsum")
def _einsum(call: Call) -> list[Want]:
    equation = str(call.args[0]).replace(" ", "")
    operands = call.args[1] if isinstance(call.args[1], list | tuple) else call.args[1:]
    sizes: dict[str, int] = {}
    found: list[Want] = []
    terms = equation.split("->")[0].split(",")
    for term, x in zip(terms, operands, strict=False):
        if "." not in term and x.ndim != len(term):
            found += call.want(x, shape=(None,) * len(term), free=(None,) * len(term))
    if found or "." in equation:
        return found
    for term, x in sorted(zip(terms, operands, strict=False), key=lambda pair: bool(call.tracker.origins_of(pair[1]))):
        wanted = tuple(sizes.get(letter, size) for letter, size in zip(term, x.shape, strict=True))
        if wanted != tuple(x.shape):
            found += call.want(x, shape=wanted)
        for letter, size in zip(term, x.shape, strict=True):
            sizes.setdefault(letter, size)
    return found


@wanted_by("scaled_dot_product_attention cdist multi_head_attention_forward")
def _attention(call: Call) -> list[Want]:
    tensors = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    if call.name == "cdist":
        return of_rank(call, tensors, 2)
    floating = next((x.dtype for x in tensors if not call.tracker.origins_of(x) and x.is_floating_point()), None)
    found = []
    for x in tensors[:3]:
        if x.ndim < 3:
            found += call.want(x, shape=(None,) * 3, free=(None,) * 3)
        elif floating is not None and x.dtype != floating:
            found += call.want(x, dtype=dtype_name(floating))
    return found or anything(call)
