"""Layers along a sequence: recurrence, causal convolution, attention."""

from inspector.core.field_rules.pointwise import placed
from inspector.core.field_rules.registry import Fields
from inspector.core.fields import Field, Shape
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, Operand


@reads("CausalConvWithState")
@reads("CausalConvWithState", "com.microsoft")
def _causal_convolution(view: NodeView) -> Fields:
    """A depthwise convolution that reads its own position and those before; the state holds the last ones."""
    (kernel,) = view.shape(1)[2:]
    settings: dict[str, object] = {"kernel": [kernel], "stride": [1], "padding": [kernel - 1], "dilation": [1]}
    made = view.apply_for("pool", [view.operand(0)], [view.output()], **settings, axes=1)
    if len(view.node.proto.output) > 1:
        made += view.apply_for("reduce", [view.operand(0)], [view.output(1)], dims=[2], keepdim=True)
    return [_beside_state(view, field, view.output(place), (3,)) for place, field in enumerate(made)]


@reads("RotaryEmbedding")
def _rotation(view: NodeView) -> Fields:
    """Pairs of features turned by an angle that depends on the position."""
    return view.apply("normalise", [view.operand(0)], dims=[-1])


@reads("LSTM GRU RNN")
def recurrence(view: NodeView) -> Fields:
    """Y is (steps, directions, batch, hidden), or with layout 1 (batch, steps, directions, hidden)."""
    return recurrent(view, view.operand(0))


def recurrent(view: NodeView, read: Operand) -> Fields:
    """The outputs of a recurrent layer that reads this."""
    batch_first = bool(view.attribute("layout", 0))
    shape = read[0]
    steps, end = view.apply_for("rnn", [read], [shape, shape], dim=int(batch_first))
    if steps is not None and not batch_first:
        steps = steps.each(lambda seen: placed(seen, 2) if seen.dim == 1 else seen)
    named = [place for place, name in enumerate(view.node.proto.output) if name]
    made = [steps if place == 0 else end for place in named]
    return [_beside_state(view, field, view.output(place), (5, 6)) for field, place in zip(made, named, strict=True)]


@reads("Attention")
def _attention(view: NodeView) -> Fields:
    """Inputs are (batch, steps, features) or (batch, heads, steps, features)."""
    return view.apply("attention", [view.operand(slot) for slot in range(3)], sequence_dim=-2)


@reads("LinearAttention")
@reads("LinearAttention", "com.microsoft")
def _linear_attention(view: NodeView) -> Fields:
    """Inputs are (batch, steps, heads·size): a position reads its query, and all else up to itself.

    As with attention under a causal mask, every position is told what the last one sees. The second output is the
    state behind the last step, (batch, heads, size of keys, size of values).
    """
    output = view.output()
    all_steps = (output[0], 1, 1)
    gates = [
        view.apply_to("reduce", view.operand(slot), all_steps, dims=[1, 2], keepdim=True)
        for slot in (4, 5)
        if view.has(slot)
    ]
    attended = view.apply_for("attention", [view.operand(slot) for slot in range(3)], [output], sequence_dim=1)
    made = view.apply_for("elementwise", [(output, attended[0]), *gates], [output])
    if len(view.node.proto.output) > 1:
        held = [view.apply_to("reduce", view.operand(slot), all_steps, dims=[1, 2], keepdim=True) for slot in (1, 2)]
        together = view.apply_to("elementwise", held[0], all_steps), *held[1:], *gates
        (seen,) = view.apply_for("elementwise", list(together), [all_steps])
        made += view.apply_for("view", [(all_steps, seen)], [(output[0], 1, 1, 1)])
    return [_beside_state(view, field, view.output(place), (3,)) for place, field in enumerate(made)]


def _beside_state(view: NodeView, field: Field | None, shape: Shape, slots: tuple[int, ...]) -> Field | None:
    """What an output of this shape sees together with states from before, of which every step reads everything."""
    states = [view.operand(slot) for slot in slots if view.has(slot)]
    seen = [view.apply_to("reduce", state, (), dims=[]) for state in states if state[1] is not None]
    return view.apply_for("elementwise", [(shape, field), *seen], [shape])[0] if seen else field
