"""Operations that work element by element."""

from inspector.core.edges import fixed
from inspector.core.field_rules.registry import Fields, rule
from inspector.core.fields import Field, OpCall, Shape, merged
from inspector.core.sights import Seen, Sight


@rule("elementwise", "identity", "expand")
def elementwise(call: OpCall) -> Fields:
    """Any number of tensors, broadcast: a position sees what the elements that meet there saw."""
    fields: Fields = []
    for output in call.output_shapes:
        fields.append(merged((broadcast(field, shape, output) for shape, field in call.inputs), call.path))
    return fields


@rule("constant")
def constant(call: OpCall) -> Fields:
    """A result that depends on shapes alone."""
    return [None] * len(call.output_shapes)


def broadcast(field: Field | None, shape: Shape, output: Shape) -> Field | None:
    """The field of a tensor of `shape` broadcast to `output`, aligned at the last dimension."""
    if field is None or shape == output:
        return field
    offset = len(output) - len(shape)

    def step(seen: Seen) -> Sight:
        if seen.dim is None:
            return seen
        if shape[seen.dim] == output[seen.dim + offset]:
            return placed(seen, seen.dim + offset)
        return Seen(edges=fixed(seen.edges.at(0), seen.edges.exact), dim=None, length=1, cropped=seen.cropped)

    return field.each(step)


def placed(seen: Seen, dim: int | None) -> Seen:
    """The same axis at another dimension."""
    if dim == seen.dim:
        return seen
    return Seen(edges=seen.edges, dim=dim, length=seen.length, inner=seen.inner, cropped=seen.cropped)
