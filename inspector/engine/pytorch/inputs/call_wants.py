"""What each torch function wants of its operands: one short function for each family, in a registry.

Asked of a call that failed, it says what would have been taken instead; where a call cannot be the reason, nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch

from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.usual import SEQUENCE, usual_sizes
from inspector.engine.pytorch.inputs.wants import INSERTED, Want
from inspector.engine.pytorch.op_calls import canonical_name, each
from inspector.engine.pytorch.structure import dtype_name


@dataclass(frozen=True)
class Call:
    """A call of a torch function, as it was made."""

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    tracker: OriginTracker
    problem: BaseException | None = None

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by position or name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    def tensor(self, place: int, name: str) -> torch.Tensor | None:
        """An argument that is a tensor."""
        value = self.get(place, name)
        return value if isinstance(value, torch.Tensor) else None

    def want(self, tensor: torch.Tensor | None, **wanted: Any) -> list[Want]:
        """One want, if the tensor came from an input."""
        origins = self.tracker.origins_of(tensor) if isinstance(tensor, torch.Tensor) else ()
        if not origins or tensor is None:
            return []
        wanted.setdefault("why", self.name)
        return [Want(origins=origins, got=tuple(tensor.shape), **wanted)]


Wanted = Callable[[Call], list[Want]]
_WANTED: dict[str, Wanted] = {}
INTEGERS = (torch.int64, torch.int32)


def wanted_by(functions: str) -> Callable[[Wanted], Wanted]:
    """Register what functions want, by their canonical names."""

    def register(wanted: Wanted) -> Wanted:
        for function in functions.split():
            _WANTED[function] = wanted
        return wanted

    return register


def wants_of(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tracker: OriginTracker, problem: BaseException
) -> list[Want]:
    """What a call that failed would have taken, likely reasons first."""
    name = canonical_name(func)
    with torch._C.DisableTorchFunction():
        call = Call(name, args, kwargs, tracker, problem)
        try:
            return _WANTED.get(name, anything)(call)
        except Exception:  # an unusual call: its arguments are not where they usually are
            return anything(call)


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
    return call.want(x, grow=tuple(range(2, rank)))


@wanted_by("linear")
def _linear(call: Call) -> list[Want]:
    x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
    if x is None or weight is None:
        return []
    if x.ndim == 0:
        return call.want(x, shape=(None, weight.shape[-1]), free=(1, None))
    if x.shape[-1] != weight.shape[-1]:
        return _last(call, x, weight.shape[-1]) + _last(call, weight, x.shape[-1])
    return call.want(x, dtype=dtype_name(weight.dtype)) if x.dtype != weight.dtype else []


def _last(call: Call, x: torch.Tensor, size: int) -> list[Want]:
    return call.want(x, shape=(*(None for _ in x.shape[:-1]), size))


@wanted_by("bilinear")
def _bilinear(call: Call) -> list[Want]:
    one, other, weight = call.tensor(0, "input1"), call.tensor(1, "input2"), call.tensor(2, "weight")
    found = []
    for x, axis in ((one, 1), (other, 2)):
        if x is not None and weight is not None and x.shape[-1] != weight.shape[axis]:
            found += _last(call, x, weight.shape[axis])
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
        found += _last(call, left, inner)
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
    return _indices(call, call.tensor(0, "input"), None if weight is None else weight.shape[0])


def _indices(call: Call, index: torch.Tensor | None, count: int | None) -> list[Want]:
    if index is None:
        return []
    if index.dtype not in INTEGERS:
        return call.want(index, dtype="int64", high=count)
    found = call.want(index, high=count) if count else []
    # Indices that were worked out, by adding an offset for each table: the lowest are the likeliest to fit.
    return [*found, *call.want(index, high=2), *call.want(index, high=1)]


@wanted_by("embedding_bag")
def _embedding_bag(call: Call) -> list[Want]:
    index, weight, offsets = call.tensor(0, "input"), call.tensor(1, "weight"), call.tensor(2, "offsets")
    if weight is not None and index is not None and not weight.is_floating_point():
        index, weight = weight, index
    if index is None or weight is None:
        return []
    found = call.want(index, dtype="int64", high=weight.shape[0]) if index.dtype not in INTEGERS else []
    if offsets is None:
        return found or _indices(call, index, weight.shape[0])
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
        return call.want(x, shape=(None,) * 4, free=(None, None, 32, 32))
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


@wanted_by("cat concat concatenate stack hstack vstack")
def _joined(call: Call) -> list[Want]:
    tensors = [value for value in (call.args[0] if call.args else call.kwargs.get("tensors", ())) if _is_tensor(value)]
    dim = int(call.get(1, "dim", 0)) if call.name not in ("hstack", "vstack") else 0
    ranks = [x.ndim for x in tensors]
    found: list[Want] = []
    if not tensors:
        return found
    if len(set(ranks)) > 1:
        for x in reversed(tensors):
            for rank in dict.fromkeys(ranks):
                if x.ndim != rank:
                    like = next(other for other in tensors if other.ndim == rank)
                    found += call.want(x, shape=tuple(like.shape), why=f"{call.name} with another operand")
        return found
    if dim >= max(ranks):
        return _of_rank(call, tensors, dim + 1)
    joined = dim % ranks[0] if call.name == "cat" or call.name.startswith("conc") else -1
    first = tensors[0]
    for x in tensors[1:]:
        if any(a != b for place, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if place != joined):
            wanted = tuple(None if place == joined else size for place, size in enumerate(first.shape))
            found += call.want(x, shape=wanted)
            wanted = tuple(None if place == joined else size for place, size in enumerate(x.shape))
            found += call.want(first, shape=wanted)
            found += _rounder(call, [first, x])
    return found


def _rounder(call: Call, tensors: list[torch.Tensor]) -> list[Want]:
    """Two branches of one input, of which one lost a pixel: sizes that halve more often without a rest."""
    found = []
    for factor in (16, 32, 64, 128):
        for x in tensors[:1]:
            found += call.want(x, grow=tuple(range(2, x.ndim)) or (x.ndim - 1,), multiple=factor)
    return found


def _of_rank(call: Call, tensors: Sequence[torch.Tensor], rank: int) -> list[Want]:
    found = []
    for x in tensors:
        if x.ndim < rank:
            found += call.want(x, shape=(None,) * rank, free=(None,) * rank)
    return found


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


@wanted_by(
    "add sub mul div iadd isub imul idiv radd rsub rmul rdiv truediv itruediv rtruediv true_divide pow where lerp "
    "maximum minimum max min masked_fill atan2 addcmul eq ne lt le gt ge and or xor bitwise_and bitwise_or "
    "logical_and logical_or expand_as mse_loss l1_loss cross_entropy cosine_similarity pairwise_distance"
)
def _elementwise(call: Call) -> list[Want]:
    tensors = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    found: list[Want] = []
    if call.name in ("where", "masked_fill"):
        mask = call.tensor(0, "condition") if call.name == "where" else call.tensor(1, "mask")
        if mask is not None and mask.dtype != torch.bool:
            return call.want(mask, dtype="bool")
    if call.name in ("and", "or", "xor", "bitwise_and", "bitwise_or"):
        for x in tensors:
            if x.is_floating_point():
                found += call.want(x, dtype="bool") + call.want(x, dtype="int64")
        if found:
            return found
    for one, other in ((a, b) for a in tensors for b in tensors if a is not b):
        if one.dtype == torch.bool and call.name.endswith("sub"):
            found += call.want(one, dtype=dtype_name(other.dtype) if other.dtype != torch.bool else "float32")
        wanted = _broadcast(tuple(one.shape), tuple(other.shape))
        if wanted is not None:
            found += call.want(one, shape=wanted)
            if not call.tracker.origins_of(other):
                continue
            found += _rounder(call, [one])
    if not found and len(tensors) == 1 and tensors[0].dtype == torch.bool:
        found += call.want(tensors[0], dtype="float32")
    return found or anything(call)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """The shape of `one` that goes with `other`; None where it does already."""
    wanted: list[int | None] = [None] * len(one)
    wrong = False
    for place in range(1, min(len(one), len(other)) + 1):
        a, b = one[-place], other[-place]
        if a != b and 1 not in (a, b):
            wanted[-place], wrong = b, True
    return tuple(wanted) if wrong else None


@wanted_by("view reshape unflatten expand")
def _view(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    if x is None:
        return []
    rest = call.args[1:] or [call.kwargs.get("shape", call.kwargs.get("size", ()))]
    target = [int(size) for size in (rest[0] if len(rest) == 1 and isinstance(rest[0], list | tuple) else rest)]
    if call.name == "unflatten":
        at = int(rest[0]) % x.ndim
        return call.want(x, shape=tuple(prod(rest[1]) if place == at else None for place in range(x.ndim)))
    if call.name == "expand":
        return (
            _of_rank(call, [x], len(target))
            if False
            else call.want(x, shape=tuple(size if size >= 0 else None for size in target[-x.ndim :]))
        )
    return view_wants(call, x, target)


def view_wants(call: Call, x: torch.Tensor, target: list[int]) -> list[Want]:
    """Shapes that could be viewed as `target`."""
    fixed = prod(size for size in target if size > 0)
    found: list[Want] = []
    origins = call.tracker.origins_of(x)
    # The input itself is viewed: as what it is viewed as, or with the batch that it has.
    if any(origin.same_values for origin in origins):
        batch = x.shape[0] if x.ndim else 1
        whole = [size if size > 0 else None for size in target]
        if target and target[0] in (-1, batch):
            whole[0] = None
        sizes = tuple(16 if size is None and place else size for place, size in enumerate(whole))
        found += call.want(x, shape=sizes, free=tuple(None for _ in sizes))
        if -1 not in target and target and target[0] > 1 and x.numel() < fixed:
            found += call.want(x, shape=tuple(target))
    if 0 < x.ndim <= len(target) and target[-1] > 0 and x.shape[-1] != target[-1]:
        found += _last(call, x, target[-1])
        # (B, T, heads·size) as (B, T, heads, size).
        for merged in (2, 3):
            if len(target) >= merged and min(target[-merged:]) > 0 and len(target) - merged + 1 == x.ndim:
                found = _last(call, x, prod(target[-merged:])) + found
    return found + call.want(x, multiple=fixed)


@wanted_by("permute transpose swapaxes swapdims movedim")
def _permuted(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    if x is None:
        return []
    rest = call.args[1:] or list(call.kwargs.values())
    dims = [int(dim) for dim in (rest[0] if len(rest) == 1 and isinstance(rest[0], list | tuple) else rest)]
    exact = call.name == "permute"
    rank = len(dims) if exact else max(dim + 1 if dim >= 0 else -dim for dim in dims)
    if not exact and rank == 2 and x.ndim < 2:
        rank = 2
    return call.want(x, shape=(None,) * rank, free=(None,) * rank)


@wanted_by(
    "size unsqueeze squeeze softmax log_softmax sum mean max min argmax argmin chunk split flatten select "
    "narrow norm normalize cumsum topk sort std var amax amin unbind index_select any all flip roll logsumexp"
)
def _along(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    if x is None:
        return []
    if isinstance(call.problem, IndexError):
        given = [*call.args[1:], *call.kwargs.values()]
        numbers = [one for value in given for one in (value if isinstance(value, list | tuple) else [value])]
        dims = [one for one in numbers if isinstance(one, int) and not isinstance(one, bool)]
        rank = max((dim + 1 if dim >= 0 else -dim for dim in dims), default=0)
        if rank > x.ndim:
            return call.want(x, shape=(None,) * rank, free=(None,) * rank)
    return anything(call)


@wanted_by("getitem setitem")
def _item(call: Call) -> list[Want]:
    x, index = call.args[0], call.args[1]
    items = index if isinstance(index, tuple) else (index,)
    found: list[Want] = []
    if call.name == "setitem" and isinstance(call.args[2], torch.Tensor) and call.tracker.origins_of(call.args[2]):
        region, value = x[index].shape, call.args[2]
        fitting = _broadcast(tuple(value.shape), tuple(region))
        if fitting is not None:
            found += call.want(value, shape=fitting)
        elif value.ndim > len(region):
            found += call.want(value, shape=tuple(region))
        return found
    for item in items:
        if isinstance(item, torch.Tensor) and item.dtype not in (*INTEGERS, torch.bool, torch.uint8):
            found += call.want(item, dtype="int64", high=x.shape[0] if x.ndim else None)
        if isinstance(item, str):
            found += call.want(x, parts=(f'["{item}"]',))
    if found:
        return found
    used = [item for item in items if item is not None and item is not Ellipsis]
    if len(used) > x.ndim:
        return call.want(x, shape=(None,) * len(used), free=(None,) * len(used))
    wanted: list[int | None] = [None] * x.ndim
    for place, item in enumerate(used):
        if isinstance(item, int) and not -x.shape[place] <= item < x.shape[place]:
            wanted[place] = item + 1 if item >= 0 else -item
    if any(wanted):
        parts = tuple(f"[{number}]" for number in range(max(size or 0 for size in wanted)))
        found += call.want(x, parts=parts) if len(used) == 1 and len(parts) > 1 else []
        return call.want(x, shape=tuple(wanted)) + found
    for item in items:
        if isinstance(item, torch.Tensor):
            found += _indices(call, item, x.shape[0] if x.ndim else None)
    return found


@wanted_by("gather scatter scatter_add index_add index_copy one_hot take take_along_dim index_fill scatter_reduce")
def _scattered(call: Call) -> list[Want]:
    tensors = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    index = tensors[0] if call.name == "one_hot" or len(tensors) < 2 else tensors[1]
    if index.dtype not in INTEGERS:
        return call.want(index, dtype="int64", high=2)
    if call.name == "one_hot":
        count = call.get(1, "num_classes", -1)
        return call.want(index, high=count if isinstance(count, int) and count > 0 else 2)
    x = tensors[0]
    if index.ndim != x.ndim:
        return call.want(index, shape=(None,) * x.ndim, free=(None,) * x.ndim) + _of_rank(call, [x], index.ndim)
    return _indices(call, index, None) + anything(call)


@wanted_by("invert bitwise_not")
def _inverted(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    return call.want(x, dtype="bool") + call.want(x, dtype="int64")


@wanted_by("bool")
def _asked(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    return call.want(x, plain=("False", "True", "0.5", "None"), why="an if")


@wanted_by("index int float item len range")
def _counted(call: Call) -> list[Want]:
    x = call.tensor(0, "input")
    return call.want(x, plain=("4", "1", "0.5"), why="a number")


@wanted_by("x.shape")
def _nothing(call: Call) -> list[Want]:
    return []


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
            return _of_rank(call, [x], len(padding) // 2)
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
        return _of_rank(call, tensors, 2)
    floating = next((x.dtype for x in tensors if not call.tracker.origins_of(x) and x.is_floating_point()), None)
    found = []
    for x in tensors[:3]:
        if x.ndim < 3:
            found += call.want(x, shape=(None,) * 3, free=(None,) * 3)
        elif floating is not None and x.dtype != floating:
            found += call.want(x, dtype=dtype_name(floating))
    return found or anything(call)


def anything(call: Call) -> list[Want]:
    """Where nothing better is known: another dtype, another rank."""
    tensors = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, torch.Tensor)]
    nested = [one for value in call.args if isinstance(value, list | tuple) for one in value]
    tensors += [one for one in nested if isinstance(one, torch.Tensor)]
    found: list[Want] = []
    floating = next((x.dtype for x in tensors if x.is_floating_point()), torch.float32)
    for x in tensors:
        others = ["int64", "bool"] if x.is_floating_point() else [dtype_name(floating), "float32"]
        for dtype in others:
            if dtype != dtype_name(x.dtype):
                found += call.want(x, dtype=dtype)
    for x in tensors:
        for rank in (x.ndim + 1, x.ndim - 1):
            if rank >= 0:
                found += call.want(x, shape=(None,) * rank, free=(None,) * rank)
    return found


def preferred(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tracker: OriginTracker) -> list[Want]:
    """What a call that succeeds would rather have taken: a batch, indices up to the last row of a table, …"""
    name = canonical_name(func)
    call = Call(name, args, kwargs, tracker)
    if name == "embedding":
        index, weight = call.tensor(0, "input"), call.tensor(1, "weight")
        if index is not None and weight is not None and index.dtype in INTEGERS:
            wants = call.want(index, high=weight.shape[0])
            return [want for want in wants if any(origin.same_values for origin in want.origins)]
    elif name.startswith("conv") and name[-1] == "d":
        x, weight = call.tensor(0, "input"), call.tensor(1, "weight")
        if x is not None and weight is not None and x.ndim == weight.ndim - 1:
            return [replace(want, why=f"{name} of a batch") for want in _WANTED[name](call)]
    elif name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and isinstance(args[0], torch.Tensor) and args[0].ndim == 3:
        return _unbatched(call, args[0])
    elif name in ("view", "reshape") and isinstance(args[0], torch.Tensor):
        return _suspicious_view(call, args[0])
    return []


def _unbatched(call: Call, x: torch.Tensor) -> list[Want]:
    """A sequence that the layer made a batch of one of: its input may well be one."""
    found = []
    for want in call.want(x, why=f"{call.name} of a batch"):
        for origin in want.origins:
            kept = [place for place, axis in enumerate(origin.axes) if axis != INSERTED]
            if len(kept) == 2:
                axes = tuple(origin.axes[place] for place in kept)
                got = tuple(want.got[place] for place in kept)
                lifted = replace(origin, axes=axes)
                found.append(
                    replace(want, origins=(lifted,), got=got, shape=(None,) * 3, free=(None, SEQUENCE, got[-1]))
                )
    return found


def _suspicious_view(call: Call, x: torch.Tensor) -> list[Want]:
    """``x.view(-1, 400)`` of a map with more elements makes several samples of one, and nothing fails."""
    rest = call.args[1:]
    target = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], list | tuple) else list(rest)
    if len(target) != 2 or target[0] != -1 or x.ndim < 3 or not all(isinstance(size, int) for size in target):
        return []
    each_sample = prod(x.shape[1:])
    merged = {prod(x.shape[place:]) for place in range(1, x.ndim + 1)}
    if target[1] in merged or not each_sample:
        return []
    return [replace(want, multiple=target[1], why="view") for want in call.want(x)]
