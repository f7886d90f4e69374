"""ONNX operators that take positions by number, or write to them: Slice, Gather, Scatter and their kin."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy

from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.picking import Table
from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, Operand, UnreadableError
from inspector.engine.onnx_model.windows import window_of

Indices = numpy.ndarray[Any, Any]


@reads("Slice")
def _slicing(view: NodeView) -> Fields:
    shape, output = view.shape(0), view.output()
    starts, ends = view.setting("starts", 1, []) or [], view.setting("ends", 2, []) or []
    axes = view.setting("axes", 3, None) or list(range(len(starts)))
    steps = view.setting("steps", 4, None) or [1] * len(starts)
    items: list[IndexItem] = [(0, 1)] * len(shape)
    backwards: dict[int, Table] = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        dim = axis % len(shape)
        wanted = range(*slice(start, end, step).indices(shape[dim]))
        if step < 0:
            backwards[dim] = _table(numpy.array(wanted), [dim])
        else:
            items[dim] = wanted.start, step
    turned = tuple(output[dim] if dim in backwards else size for dim, size in enumerate(shape))
    operand = _taken(view, view.operand(0), turned, backwards) if backwards else view.operand(0)
    return view.apply("slice", [operand], items=items)


@reads("Gather")
def _gathering(view: NodeView) -> Fields:
    """Constant indices are positions, a slice where they are evenly spaced; ids that look up a table become vectors."""
    shape, field = view.operand(0)
    _, ids = view.operand(1)
    dim, rank = view.attribute("axis", 0) % len(shape), len(view.shape(1))
    wanted = view.array(1) if field is not None and ids is None else None
    if wanted is None:
        return view.apply("gather", [(shape, field), (view.shape(1), ids)], dim=dim, index_rank=rank)
    listed = [index % shape[dim] for index in wanted.reshape(-1).tolist()]
    steps = {after - before for before, after in pairwise(listed)}
    if rank <= 1 and listed and len(steps) <= 1 and min(steps, default=1) > 0:
        items: list[IndexItem] = [(0, 1)] * len(shape)
        items[dim] = listed[0] if rank == 0 else (listed[0], min(steps, default=1))
        return view.apply("slice", [(shape, field)], items=items)
    kept = {one: one if one < dim else one + rank - 1 for one in range(len(shape)) if one != dim}
    return view.apply("take", [(shape, field)], taken={dim: _table(wanted, range(dim, dim + rank))}, kept=kept)


@reads("GatherElements")
def _gathering_elements(view: NodeView) -> Fields:
    shape, field = view.operand(0)
    indices, ids = view.operand(1)
    dim = view.attribute("axis", 0) % len(shape)
    wanted = view.array(1) if field is not None and ids is None else None
    alike = all(one == dim or size == indices[one] for one, size in enumerate(shape))
    if wanted is None or not alike:
        return view.apply("gather", [(shape, field), (indices, ids)], dim=dim, index_rank=0)
    return [_taken(view, (shape, field), indices, {dim: _table(wanted, range(len(indices)))})[1]]


@reads("GatherND")
def _gathering_blocks(view: NodeView) -> Fields:
    """The last dimension of the indices names a place along the first dimensions of the data."""
    shape, field = view.operand(0)
    _, ids = view.operand(1)
    wanted = view.array(1)
    if ids is not None or wanted is None or view.attribute("batch_dims", 0):
        raise UnreadableError
    depth, rank = wanted.shape[-1], wanted.ndim - 1
    taken = {dim: _table(wanted[..., dim], range(rank)) for dim in range(depth)}
    kept = {dim: dim - depth + rank for dim in range(depth, len(shape))}
    return view.apply("take", [(shape, field)], taken=taken, kept=kept)


@reads("ReverseSequence")
def _reversal(view: NodeView) -> Fields:
    """The first positions of each sample back to front, as many as its length says."""
    shape, time = view.shape(0), view.attribute("time_axis", 0)
    if view.operand(1)[1] is not None:
        raise UnreadableError
    at, lengths = numpy.arange(shape[time]), numpy.array(view.integers(1))[:, None]
    places = numpy.where(at < lengths, lengths - 1 - at, at)
    return [_taken(view, view.operand(0), view.output(), {time: _table(places, [1 - time, time])})[1]]


@reads("Compress")
def _compression(view: NodeView) -> Fields:
    """Positions that a constant says to keep."""
    shape, dim = view.shape(0), view.attribute("axis", 0)
    if not view.given("axis") or view.operand(1)[1] is not None:
        raise UnreadableError
    dim, kept = dim % len(shape), numpy.flatnonzero(view.integers(1))
    return [_taken(view, view.operand(0), view.output(), {dim: _table(kept, [dim])})[1]]


@reads("Where")
def _choice(view: NodeView) -> Fields:
    """A constant condition is a mask; what one that was computed hides, only the values tell."""
    mask = view.array(0) if view.operand(0)[1] is None else None
    if mask is None:
        return view.apply("elementwise", view.operands())
    rank = len(view.output())
    return view.apply("where", [view.operand(1), view.operand(2)], mask=_table(mask, range(rank - mask.ndim, rank)))


@reads("ScatterElements Scatter")
def _scattering_elements(view: NodeView) -> Fields:
    made = _unpooling(view)
    if made is not None:
        return made
    shape, written = view.shape(0), view.shape(2)
    dim = view.attribute("axis", 0) % len(shape)
    kept = {one: one for one, size in enumerate(shape) if one != dim and size == written[one]}
    return view.apply("scatter", [view.operand(slot) for slot in range(3)], kept=kept)


@reads("ScatterND")
def _scattering_blocks(view: NodeView) -> Fields:
    """Constant rows that are evenly spaced are an assignment to a slice."""
    made = _unpooling(view)
    if made is not None:
        return made
    shape, indices = view.shape(0), view.shape(1)
    wanted = view.array(1) if view.operand(1)[1] is None else None
    if wanted is not None and wanted.ndim == 2 and wanted.shape[1] == 1 and len(wanted):
        listed = [index % shape[0] for index in wanted[:, 0].tolist()]
        steps = {after - before for before, after in pairwise(listed)}
        if len(steps) <= 1 and min(steps, default=1) > 0:
            items = [(listed[0], min(steps, default=1)), *[(0, 1)] * (len(shape) - 1)]
            return view.apply("assign", [view.operand(0), view.operand(2)], items=items)
    rank, depth = len(indices) - 1, indices[-1]
    kept = {rank + at: depth + at for at in range(len(shape) - depth)}
    return view.apply("scatter", [view.operand(slot) for slot in range(3)], kept=kept)


def _unpooling(view: NodeView) -> Fields | None:
    """An unpooling spelled out: what is written goes where the indices of a max pooling say; None for any other."""
    pool = _pooling_behind(view, 1)
    if pool is None or view.operand(0)[1] is not None:
        return None
    pooled, whole, written = pool.output(), pool.shape(0), view.operand(2)
    if prod(written[0]) != prod(pooled) or prod(view.output()) != prod(whole):
        return None
    values = view.apply_to("view", written, pooled)
    placed = view.apply_to("max_unpool", values, whole, **window_of(pool, None).settings)
    return view.apply("view", [placed])


_AS_THEY_ARE = {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


def _pooling_behind(view: NodeView, slot: int) -> NodeView | None:
    """The max pooling that gives the indices at an input, reshaped or moved from one channel to another."""
    while (maker := view.maker(slot)) is not None:
        kind = maker.node.operator
        if kind == "MaxPool":
            return maker if list(maker.node.proto.output)[1:] == [view.node.proto.input[slot]] else None
        if kind not in _AS_THEY_ARE and kind not in ("Add", "Sub"):
            return None
        smaller = kind == "Add" and prod(maker.shape(0)) < prod(maker.shape(1))
        view, slot = maker, int(smaller)
    return None


def _taken(view: NodeView, operand: Operand, output: Sequence[int], taken: Mapping[int, Table]) -> Operand:
    """Positions taken along some dimensions; all dimensions stay where they are."""
    kept = {dim: dim for dim in range(len(operand[0])) if dim not in taken}
    return view.apply_to("take", operand, tuple(output), taken=taken, kept=kept)


def _table(wanted: Indices, dims: Sequence[int]) -> Table:
    """Numbers that lie along `dims` of the output, without those dimensions that make no difference."""
    for axis in range(wanted.ndim if wanted.size else 0):
        first = wanted.take([0], axis)
        wanted = first if (wanted == first).all() else wanted
    told = [axis for axis, size in enumerate(wanted.shape) if size != 1]
    sizes = [wanted.shape[axis] for axis in told]
    return Table(dims=[dims[axis] for axis in told], sizes=sizes, numbers=wanted.reshape(-1).tolist())
