"""Operations that mix all positions of a dimension: matrix products, reductions, norms, softmax."""

from collections.abc import Sequence
from typing import cast

from inspector.core.edges import LONGEST, hull, listing
from inspector.core.field_rules.pointwise import broadcast, placed
from inspector.core.field_rules.registry import Fields, integers, rule
from inspector.core.fields import Field, OpCall, merged
from inspector.core.sights import Seen, Sight, mixed, mixed_in_place, plain


@rule("linear")
def linear(call: OpCall) -> Fields:
    """The last dimension mixes, the others stay: also products with a constant matrix on the right, also bilinear."""
    return [merged([_mixed_last(shape, field, call.path) for shape, field in call.inputs], call.path)]


def _mixed_last(shape: Sequence[int], field: Field | None, path: str) -> Field | None:
    if field is None:
        return None
    last = len(shape) - 1
    return field.each(lambda seen: mixed(seen, path) if seen.dim == last else seen)


@rule("matmul")
def matrix_product(call: OpCall) -> Fields:
    """``out[…, i, j] = Σ_k a[…, i, k]·b[…, k, j]`` with broadcast leading dimensions; vectors as in torch.matmul."""
    (left, left_field), (right, right_field) = call.inputs[0], call.inputs[1]
    rank = len(call.output_shapes[0])
    vector_left, vector_right = len(left) == 1, len(right) == 1

    def from_left(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        behind = len(left) - seen.dim
        if behind == 1:
            return mixed(seen, call.path)
        return placed(seen, rank - (behind - 1 if vector_right else behind))

    def from_right(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        behind = len(right) - seen.dim
        if behind == (1 if vector_right else 2):
            return mixed(seen, call.path)
        if behind == 1:
            return placed(seen, rank - 1)
        return placed(seen, rank - (behind - 1 if vector_left else behind))

    through_left = left_field.each(from_left) if left_field else None
    through_right = right_field.each(from_right) if right_field else None
    return [merged([through_left, through_right], call.path)]


@rule("einsum")
def einstein_sum(call: OpCall) -> Fields:
    """Letters that do not appear in the output mix; "operands" and "output" are the letters of each tensor."""
    output = str(call.settings["output"])
    fields = []
    for letters, (_, field) in zip(cast(Sequence[str], call.settings["operands"]), call.inputs, strict=True):
        fields.append(field.each(_Lettered(letters, output, call.path)) if field else None)
    return [merged(fields, call.path)]


class _Lettered:
    def __init__(self, letters: str, output: str, path: str) -> None:
        self._letters, self._output, self._path = letters, output, path

    def __call__(self, seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        place = self._output.find(self._letters[seen.dim])
        return mixed(seen, self._path) if place < 0 else placed(seen, place)


@rule("reduce")
def reduction(call: OpCall) -> Fields:
    """Sum, mean, maximum, norm … over "dims" (all without it); "keepdim" leaves them with size 1."""
    shape, field = call.inputs[0]
    if field is None:
        return [None] * len(call.output_shapes)
    dims = {dim % len(shape) for dim in integers(call, "dims")} if call.settings.get("dims") else set(range(len(shape)))
    kept = [dim for dim in range(len(shape)) if call.settings.get("keepdim") or dim not in dims]

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        return mixed(seen, call.path) if seen.dim in dims else placed(seen, kept.index(seen.dim))

    return [field.each(step)] * len(call.output_shapes)


@rule("normalise", "softmax", "layer_norm", "group_norm", "instance_norm", "batch_norm", "sort")
def normalisation(call: OpCall) -> Fields:
    """Every position reads all of "dims" and stays in its place: norms by statistics of the input, softmax.

    A batch norm in eval mode, and whatever else has no "dims", works element by element. Several inputs are broadcast.
    """
    fields: Fields = []
    for output in call.output_shapes:
        rank = len(output)
        dims = {dim % rank for dim in integers(call, "dims")} if rank and call.settings.get("dims") else set()
        field = merged((broadcast(field, shape, output) for shape, field in call.inputs), call.path)
        fields.append(field.each(_InPlace(dims, call.path)) if field else None)
    return fields


@rule("cumulative")
def accumulation(call: OpCall) -> Fields:
    """Every position along "dims" reads those up to its own: a cumulative sum, product or maximum."""
    shape, field = call.inputs[0]
    dims = {dim % len(shape) for dim in integers(call, "dims")}

    def step(seen: Seen) -> Sight:
        if seen.dim not in dims or seen.dim is None:
            return seen
        size = shape[seen.dim]
        if size > LONGEST:
            return mixed_in_place(seen, call.path)
        edges = plain(seen, size).edges
        low, high = edges.at(0)
        reached = []
        for place in (edges.at(unit) for unit in range(size)):
            low, high = hull(((low, high), place))
            reached.append((low, high))
        return Seen(edges=listing(reached, edges.exact), dim=seen.dim, length=size, cropped=seen.cropped)

    return [field.each(step) if field else None] * len(call.output_shapes)


class _InPlace:
    def __init__(self, dims: set[int], path: str) -> None:
        self._dims, self._path = dims, path

    def __call__(self, seen: Seen) -> Sight:
        return mixed_in_place(seen, self._path) if seen.dim in self._dims else seen
