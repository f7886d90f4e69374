"""How calls that work element by element, rearrange, take apart or join tensors are read."""

from functools import cache
from typing import Any

import torch

from inspector.core.fields import Shape
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Arguments, Reading, dims_of, each, rank_of, reader_of, reads

_POINTWISE = """
abs absolute acos acosh add addcdiv addcmul alias alpha_dropout and angle asin asinh atan atan2 atanh bernoulli
bfloat16 bitwise_and bitwise_not bitwise_or bitwise_xor bool ceil celu channel_shuffle clamp clamp_max clamp_min
clip complex conj copysign cos cosh cpu cuda data deg2rad dequantize digamma div divide double dropout dropout1d
dropout2d dropout3d elu eq erf erfc erfinv exp exp2 expm1 feature_alpha_dropout feature_dropout float floor
floor_divide floordiv fmax fmin fmod frac ge gelu greater greater_equal gt half hardshrink hardsigmoid hardswish
hardtanh heaviside hypot identity imag int invert isfinite isinf isnan ldexp le leaky_relu lerp less less_equal
lgamma local_response_norm log log10 log1p log2 log_sigmoid logaddexp logaddexp2 logical_and logical_not logical_or
logical_xor logit logsigmoid long lshift lt masked_fill maximum minimum mish mod mul multiply nan_to_num
native_channel_shuffle native_dropout ne neg negative not_equal or pin_memory pos positive pow prelu rad2deg real
reciprocal relu relu6 remainder requires_grad resolve_conj resolve_neg rms round rrelu rshift rsqrt selu sgn short
sigmoid sign silu sin sinc sinh softplus softshrink softsign sqrt square sub subtract tan tanh tanhshrink threshold
tril triu true_divide truediv trunc type where x.data x.imag x.real xlogy xor
"""
_CONSTANT = """
empty_like full_like ones_like rand_like randint_like randn_like zeros_like new_empty new_full new_ones new_tensor
new_zeros empty full ones zeros fill zero normal uniform
"""
_SAME_ORDER = """
view reshape flatten unflatten squeeze unsqueeze view_as reshape_as ravel unsafe_view
"""


@reads(_POINTWISE)
def _pointwise(a: Arguments, outputs: list[Shape]) -> Reading:
    named = {name: value for name, value in a["kwargs"].items() if name != "out"}
    return Reading("elementwise", [*tensors_in(a["operands"]), *tensors_in(named)])


@cache
def is_pointwise(function: Any) -> bool:
    """Whether each position of a function's result depends on that position of its operands alone."""
    return reader_of(function) is _pointwise


@reads("clone contiguous detach to type_as", "input")
def _identity(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("identity", [a["input"]])


@reads("copy set", "input source")
def _copy(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("expand", [a["source"]])


@reads(_CONSTANT)
def _constant(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("constant", list(tensors_in(a["operands"])))


@reads(f"{_SAME_ORDER} expand expand_as broadcast_to", "input")
def _same_order(a: Arguments, outputs: list[Shape]) -> Reading:
    shape = tuple(a["input"].shape)
    count = 1
    for size in shape:
        count *= size
    total = 1
    for size in outputs[0]:
        total *= size
    return Reading("view" if count == total else "expand", [a["input"]])


@reads("permute", "input *dims")
def _permute(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("permute", [a["input"]], {"dims": dims_of(a["dims"] or a["kwargs"]["dims"])})


@reads("transpose swapaxes swapdims", "input dim0 dim1")
def _transpose(a: Arguments, outputs: list[Shape]) -> Reading:
    order = list(range(rank_of(a["input"])))
    keywords = a["kwargs"]
    first = a["dim0"] if a["dim0"] is not None else keywords["axis0"]
    second = a["dim1"] if a["dim1"] is not None else keywords["axis1"]
    order[first], order[second] = order[second], order[first]
    return Reading("permute", [a["input"]], {"dims": order})


@reads("t x.T x.mT x.H x.mH adjoint", "input")
def _reverse(a: Arguments, outputs: list[Shape]) -> Reading:
    rank = rank_of(a["input"])
    order = list(range(rank))
    order[-2:] = order[-2:][::-1]
    if rank > 2 and tuple(a["input"].shape[dim] for dim in order) != outputs[0]:
        order = list(range(rank))[::-1]
    return Reading("permute", [a["input"]], {"dims": order})


@reads("movedim moveaxis", "input source destination")
def _movedim(a: Arguments, outputs: list[Shape]) -> Reading:
    rank = rank_of(a["input"])
    source = [dim % rank for dim in dims_of(a["source"])]
    destination = [dim % rank for dim in dims_of(a["destination"])]
    placed = dict(zip(destination, source, strict=True))
    rest = iter(dim for dim in range(rank) if dim not in source)
    return Reading(
        "permute", [a["input"]], {"dims": [placed[dim] if dim in placed else next(rest) for dim in range(rank)]}
    )


@reads("repeat tile", "input")
def _repeat(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("repeat", [a["input"]])


@reads("repeat_interleave", "input repeats dim=None")
def _repeat_interleave(a: Arguments, outputs: list[Shape]) -> Reading:
    if not isinstance(a["repeats"], int) or a["dim"] is None:
        return Reading("repeat_interleave", [a["input"]])
    return Reading("repeat", [a["input"]], {"each": True})


@reads("flip", "input *dims")
def _flip(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("flip", [a["input"]], {"dims": dims_of(a["dims"] or a["kwargs"]["dims"])})


@reads("getitem", "input index")
def _getitem(a: Arguments, outputs: list[Shape]) -> Reading:
    tensor = a["input"]
    items = index_items(a["index"], tuple(tensor.shape))
    if items is not None:
        return Reading("slice", [tensor], {"items": items})
    index = list(a["index"]) if isinstance(a["index"], tuple) else [a["index"]]
    gathers = [part for part in index if not isinstance(part, slice | int) and part is not Ellipsis]
    others = [part for part in index if part is not Ellipsis and part != slice(None)] if len(gathers) == 1 else []
    if len(others) == 1 and isinstance(gathers[0], torch.Tensor) and gathers[0].dtype != torch.bool:
        place = next(place for place, part in enumerate(index) if part is gathers[0])
        if any(part is Ellipsis for part in index[:place]):
            place += rank_of(tensor) - len(index)
        settings = {"dim": place, "index_rank": rank_of(gathers[0]), "name": "indexing by a tensor"}
        return Reading("gather", [tensor, gathers[0]], settings)
    return Reading("indexing by tensors", [tensor, *tensors_in(index)])


@reads("setitem", "input index value")
def _setitem(a: Arguments, outputs: list[Shape]) -> Reading:
    items = index_items(a["index"], tuple(a["input"].shape))
    value = a["value"] if isinstance(a["value"], torch.Tensor) else None
    return Reading("assign", [a["input"], value], {"items": items})


def index_items(index: Any, shape: Shape) -> list[Any] | None:
    """The entries of ``x[index]`` for `inspector.core.field_rules.indexing`; None where a tensor or list indexes."""
    parts = list(index) if isinstance(index, tuple) else [index]
    basic = [part for part in parts if isinstance(part, slice | int) and not isinstance(part, bool)]
    if len(basic) + sum(part is None or part is Ellipsis for part in parts) != len(parts):
        return None
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    items: list[Any] = []
    dim = 0
    for part in parts:
        if part is Ellipsis:
            missing = len(shape) - len(basic)
            items += [(0, 1)] * missing
            dim += missing
        elif part is None:
            items.append(None)
        elif isinstance(part, slice):
            start, _, step = part.indices(shape[dim])
            items.append((start, step))
            dim += 1
        else:
            items.append(int(part))
            dim += 1
    return items


@reads("select", "input dim index")
def _select(a: Arguments, outputs: list[Shape]) -> Reading:
    items: list[Any] = [(0, 1)] * rank_of(a["input"])
    items[a["dim"]] = int(a["index"])
    return Reading("slice", [a["input"]], {"items": items})


@reads("narrow", "input dim start length")
def _narrow(a: Arguments, outputs: list[Shape]) -> Reading:
    items: list[Any] = [(0, 1)] * rank_of(a["input"])
    start = int(a["start"])
    items[a["dim"]] = (start if start >= 0 else start + a["input"].shape[a["dim"]], 1)
    return Reading("slice", [a["input"]], {"items": items})


@reads("split split_with_sizes chunk tensor_split unsafe_chunk unsafe_split", "input parts dim=0")
def _split(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("split", [a["input"]], {"dim": int(a["dim"] or 0)})


@reads("unbind", "input dim=0")
def _unbind(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("split", [a["input"]], {"dim": int(a["dim"] or 0), "unbind": True})


@reads("x.unfold", "input dim size step")
def _windows(a: Arguments, outputs: list[Shape]) -> Reading:
    dim = a["dim"] if a["dim"] is not None else a["kwargs"]["dimension"]
    return Reading("windows_of", [a["input"]], {"dim": dim, "size": a["size"], "step": a["step"]})


@reads("index_select", "input dim index")
def _index_select(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("gather", [a["input"], a["index"]], {"dim": a["dim"], "index_rank": 1, "name": "index_select"})


@reads("gather take_along_dim", "input dim index")
def _gather(a: Arguments, outputs: list[Shape]) -> Reading:
    tensors = list(tensors_in([a["dim"], a["index"]]))
    dim = a["dim"] if isinstance(a["dim"], int) else a["index"]
    return Reading("gather", [a["input"], *tensors], {"dim": dim, "index_rank": 0, "name": "gather"})


@reads("glu", "input dim=-1")
def _gated(a: Arguments, outputs: list[Shape]) -> Reading:
    # Two halves meet: with one index rank the other dimensions stay, and along `dim` nothing is claimed.
    dim = -1 if a["dim"] is None else a["dim"]
    return Reading("gather", [a["input"]], {"dim": dim, "index_rank": 1, "name": "glu"})


@reads("cat concat concatenate", "tensors dim=0")
def _cat(a: Arguments, outputs: list[Shape]) -> Reading:
    dim = a["kwargs"].get("axis", a["dim"]) or 0
    return Reading("cat", list(a["tensors"]), {"dim": dim})


@reads("stack", "tensors dim=0")
def _stack(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("stack", list(a["tensors"]), {"dim": a["dim"] or 0})


@reads("roll", "input shifts dims=None")
def _roll(a: Arguments, outputs: list[Shape]) -> Reading:
    dims = dims_of(a["dims"])
    return Reading("roll", [a["input"]], {"dims": dims, "shifts": each(a["shifts"], len(dims))})
