"""ONNX operators that take positions by number, or write to them: Slice, Gather, Scatter and their kin."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy

from inspector.core.field_rules.indexing import IndexItem
from inspector.core.field_rules.picking import Taken
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
    backwards: dict[int, Taken] = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        dim = axis % len(shape)
        wanted = range(*slice(start, end, step).indices(shape[dim]))
        if step < 0:
            backwards[dim] = dim, [(place,) for place in wanted]
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
    return view.apply("take", [(shape, field)], taken={dim: _told_apart(wanted, dim)}, kept=kept)


@reads("GatherElements")
def _gathering_elements(view: NodeView) -> Fields:
    shape, field = view.operand(0)
    indices, ids = view.operand(1)
    dim = view.attribute("axis", 0) % len(shape)
    wanted = view.array(1) if field is not None and ids is None else None
    alike = all(one == dim or size == indices[one] for one, size in enumerate(shape))
    if wanted is None or not alike:
        return view.apply("gather", [(shape, field), (indices, ids)], dim=dim, index_rank=0)
    along = dim, _along(wanted, dim)
    kept = {one: one for one in range(len(shape)) if one != dim}
    return view.apply("take", [(shape, field)], taken={dim: along}, kept=kept)


@reads("GatherND")
def _gathering_blocks(view: NodeView) -> Fields:
    """The last dimension of the indices names a place along the first dimensions of the data."""
    shape, field = view.operand(0)
    _, ids = view.operand(1)
    wanted = view.array(1)
    if ids is not None or wanted is None or view.attribute("batch_dims", 0):
        raise UnreadableError
    depth, rank = wanted.shape[-1], wanted.ndim - 1
    taken = {dim: _told_apart(wanted[..., dim], 0) for dim in range(depth)}
    kept = {dim: dim - depth + rank for dim in range(depth, len(shape))}
    return view.apply("take", [(shape, field)], taken=taken, kept=kept)


@reads("ReverseSequence")
def _reversal(view: NodeView) -> Fields:
    """The first positions of each sample back to front, as many as its length says."""
    shape, time = view.shape(0), view.attribute("time_axis", 0)
    if view.operand(1)[1] is not None:
        raise UnreadableError
    lengths = view.integers(1)
    places = [{length - 1 - at if at < length else at for length in lengths} for at in range(shape[time])]
    taken = {time: (time, [sorted(one) for one in places])}
    return [_taken(view, view.operand(0), view.output(), taken)[1]]


@reads("Compress")
def _compression(view: NodeView) -> Fields:
    """Positions that a constant says to keep."""
    shape, dim = view.shape(0), view.attribute("axis", 0)
    if not view.given("axis") or view.operand(1)[1] is not None:
        raise UnreadableError
    kept = [(at,) for at, flag in enumerate(view.integers(1)) if flag]
    return [_taken(view, view.operand(0), view.output(), {dim % len(shape): (dim % len(shape), kept)})[1]]


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


def _taken(view: NodeView, operand: Operand, output: Sequence[int], taken: Mapping[int, Taken]) -> Operand:
    """Positions taken along some dimensions; all dimensions stay where they are."""
    kept = {dim: dim for dim in range(len(operand[0])) if dim not in taken}
    return view.apply_to("take", operand, tuple(output), taken=taken, kept=kept)


def _told_apart(wanted: Indices, first: int) -> Taken:
    """Which dimension of the indices tells their positions apart best; it is `first` and more in the output."""
    if wanted.ndim == 0:
        return None, [(int(wanted),)]
    choices = [_along(wanted, dim) for dim in range(wanted.ndim)]
    spread = [sum(max(places) - min(places) for places in choice) for choice in choices]
    best = spread.index(min(spread))
    return first + best, choices[best]


def _along(wanted: Indices, dim: int) -> list[list[int]]:
    """For each index of a dimension the positions that are named there."""
    rows = numpy.moveaxis(wanted, dim, 0).reshape(wanted.shape[dim], -1)
    return [sorted(set(row.tolist())) for row in rows]
