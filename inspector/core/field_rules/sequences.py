"""Operations on sequences: embedding, attention, recurrent layers."""

from inspector.core.field_rules.registry import Fields, integer, rule
from inspector.core.fields import Field, OpCall, merged
from inspector.core.sights import Seen, Sight, Whole, mixed, mixed_in_place


@rule("embedding")
def embedding(call: OpCall) -> Fields:
    """Each id becomes a vector: the ids' dimensions stay, one is added behind."""
    return [call.inputs[0][1]]


@rule("attention")
def attention(call: OpCall) -> Fields:
    """Query, key and value: each query position reads all positions of key and value.

    "sequence_dim": the dimension of positions in all three. Masks are not looked at: a causal one leaves the last
    position, which sees the most, as it is. A second output holds the weights.
    """
    dims = [(len(shape) - 1, integer(call, "sequence_dim") % len(shape)) for shape, _ in call.inputs]
    through: Fields = []
    for (_, field), (last, sequence), is_query in zip(call.inputs, dims, (True, False, False), strict=True):
        through.append(field.each(_Attending(last, sequence, is_query, call.path)) if field else None)
    fields: Fields = [merged(through, call.path)]
    for _ in call.output_shapes[1:]:
        everywhere = merged([mixed_everywhere(field, call.path) for _, field in call.inputs[:2]], call.path)
        fields.append(everywhere)
    return fields


class _Attending:
    def __init__(self, last: int, sequence: int, is_query: bool, path: str) -> None:
        self._last, self._sequence, self._is_query, self._path = last, sequence, is_query, path

    def __call__(self, seen: Seen) -> Sight:
        mixes = seen.dim == self._last or (seen.dim == self._sequence and not self._is_query)
        return mixed(seen, self._path) if mixes else seen


@rule("rnn", sliding=True)
def recurrence(call: OpCall) -> Fields:
    """A recurrent layer along "dim": the last position sees the whole sequence, and size means the largest.

    The first output has a position for each step, the others are final states. Further inputs are initial states.
    """
    shape, field = call.inputs[0]
    dim, last = integer(call, "dim") % len(shape), len(shape) - 1
    states = [mixed_everywhere(state, call.path) for _, state in call.inputs[1:]]

    def step(seen: Seen) -> Sight:
        if seen.dim == last:
            return mixed(seen, call.path)
        return mixed_in_place(seen, call.path) if seen.dim == dim else seen

    def final(seen: Seen) -> Sight:
        return mixed(seen, call.path) if seen.dim in (dim, last) else seen

    steps = merged([field.each(step) if field else None, *states], call.path)
    end = merged([field.each(final) if field else None, *states], call.path)
    return [steps, *[end] * (len(call.output_shapes) - 1)]


def mixed_everywhere(field: Field | None, path: str) -> Field | None:
    """All positions of all dimensions mixed: what each element may see of a tensor used as weights or as a state."""
    if field is None:
        return None
    total = field.each(lambda seen: mixed(seen, path)).settled()
    return Field(
        axes={axis: Whole(via=sight.via) if isinstance(sight, Whole) else sight for axis, sight in total.axes.items()}
    )
