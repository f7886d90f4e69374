"""ONNX operators on signals, and losses: everything along some dimensions goes into every number that comes out."""

from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model.field_registry import reads
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError


@reads("DFT")
def _fourier_transform(view: NodeView) -> Fields:
    """Every frequency depends on all positions along the axis; the last dimension holds real and imaginary part."""
    shape = view.shape(0)
    newest = view.integers(2)[0] if view.has(2) else -2
    axis = view.attribute("axis", 1) if view.opset < 20 else newest
    dims = [axis % len(shape), len(shape) - 1]
    single = tuple(1 if dim in dims else size for dim, size in enumerate(shape))
    total = view.apply_to("reduce", view.operand(0), single, dims=dims, keepdim=True)
    return view.apply("expand", [total])


@reads("STFT")
def _windowed_fourier_transform(view: NodeView) -> Fields:
    """Frames of the signal, (batch, length) or (batch, length, 1 or 2), to (batch, frames, frequencies, 2)."""
    shape, output = view.shape(0), view.output()
    length = view.integers(3)[0] if view.has(3) else view.shape(2)[0]
    signal = view.apply_to("reduce", view.operand(0), shape[:2], dims=[2]) if len(shape) > 2 else view.operand(0)
    window: dict[str, object] = {"kernel": [length], "stride": view.integers(1), "padding": [0], "dilation": [1]}
    frames = view.apply_to("pool", signal, output[:2], **window, axes=1)
    spread = view.apply_to("view", frames, (*output[:2], 1, 1))
    return view.apply("expand", [spread])


@reads("Det")
def _determinant(view: NodeView) -> Fields:
    return view.apply("reduce", [view.operand(0)], dims=[-2, -1])


@reads("Multinomial")
def _drawing(view: NodeView) -> Fields:
    """Each of the numbers drawn depends on all of a sample's probabilities."""
    batch = view.shape(0)[0]
    total = view.apply_to("reduce", view.operand(0), (batch, 1), dims=[1], keepdim=True)
    return view.apply("expand", [total])


@reads("NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss")
def _loss(view: NodeView) -> Fields:
    """Scores (batch, classes, …) and targets (batch, …): one number each, or their mean or sum."""
    if len([name for name in view.node.proto.output if name]) > 1:
        raise UnreadableError
    shape, targets = view.shape(0), view.operand(1)
    scores = view.apply_to("reduce", view.operand(0), (shape[0], *shape[2:]), dims=[1])
    each = view.apply_for("elementwise", [scores, targets], [targets[0]])
    if view.attribute("reduction", "mean") == "none":
        return each
    return view.apply("reduce", [(targets[0], each[0])])
