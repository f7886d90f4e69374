"""What functions on tensors want: joining, arithmetic, views, indexing, asking for a number."""

from math import prod

import torch

from inspector.engine.pytorch.inputs.call_wants import INTEGERS, Call, anything, indices, last_axis, of_rank, wanted_by
from inspector.engine.pytorch.inputs.wants import Want
from inspector.engine.pytorch.structure import dtype_name


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
        return of_rank(call, tensors, dim + 1)
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
        wanted = broadcast(tuple(one.shape), tuple(other.shape))
        if wanted is not None:
            found += call.want(one, shape=wanted)
            if not call.tracker.origins_of(other):
                continue
            found += _rounder(call, [one])
    if not found and len(tensors) == 1 and tensors[0].dtype == torch.bool:
        found += call.want(tensors[0], dtype="float32")
    return found or anything(call)


def broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int | None, ...] | None:
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
            of_rank(call, [x], len(target))
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
        found += last_axis(call, x, target[-1])
        # (B, T, heads·size) as (B, T, heads, size).
        for merged in (2, 3):
            if len(target) >= merged and min(target[-merged:]) > 0 and len(target) - merged + 1 == x.ndim:
                found = last_axis(call, x, prod(target[-merged:])) + found
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
        fitting = broadcast(tuple(value.shape), tuple(region))
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
            found += indices(call, item, x.shape[0] if x.ndim else None)
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
        return call.want(index, shape=(None,) * x.ndim, free=(None,) * x.ndim) + of_rank(call, [x], index.ndim)
    return indices(call, index, None) + anything(call)


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
