"""ONNX operators as the canonical operations of `inspector.core.field_rules`: windows, mixing, and the plain ones.

One short function for each kind of operator; `rearranging`, `resizing` and `picking` add those that move positions
about, `sequences` recurrence and attention, `signals` transforms and losses, `optimised_readers` those of onnxruntime.
A reader raises UnreadableError where settings depend on the input's values.
"""

from inspector.core.field_rules.registry import Fields
from inspector.engine.onnx_model import optimised_readers, picking, rearranging, resizing, sequences, signals
from inspector.engine.onnx_model.field_registry import READERS, reads
from inspector.engine.onnx_model.node_view import NodeView
from inspector.engine.onnx_model.windows import columns_of, transposed_window_of, window_of

__all__ = ["READERS", "optimised_readers", "picking", "rearranging", "resizing", "sequences", "signals"]


@reads("Conv ConvInteger")
def _convolution(view: NodeView) -> Fields:
    return view.apply("conv", [view.operand(0)], **window_of(view, 1).settings)


@reads("QLinearConv")
def _quantised_convolution(view: NodeView) -> Fields:
    return view.apply("conv", [view.operand(0)], **window_of(view, 3).settings)


@reads("MaxPool AveragePool LpPool")
def _pooling(view: NodeView) -> Fields:
    return view.apply("pool", [view.operand(0)], **window_of(view, None).settings)


@reads("GlobalMaxPool GlobalAveragePool GlobalLpPool")
def _global_pooling(view: NodeView) -> Fields:
    return view.apply("adaptive_pool", [view.operand(0)], axes=len(view.shape(0)) - 2)


@reads("ConvTranspose")
def _transposed_convolution(view: NodeView) -> Fields:
    window, _ = transposed_window_of(view, list(view.shape(1)[2:]))
    return view.apply("conv_transpose", [view.operand(0)], **window.settings)


@reads("Col2Im")
def _folding(view: NodeView) -> Fields:
    window, sizes = columns_of(view), view.integers(1)
    blocks = [
        (size + p + q - d * (k - 1) - 1) // s + 1
        for size, k, s, p, q, d in zip(
            sizes, window.kernel, window.stride, window.padding, window.padding_after, window.dilation, strict=True
        )
    ]
    return view.apply("fold", [view.operand(0)], blocks=blocks, **window.settings)


@reads("MaxUnpool")
def _unpooling(view: NodeView) -> Fields:
    window, _ = transposed_window_of(view, view.attribute("kernel_shape", [0]))
    return view.apply("max_unpool", [view.operand(0)], **window.settings)


@reads(
    "Abs Acos Acosh Add And Asin Asinh Atan Atanh Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr "
    "BitwiseXor Ceil Celu Cos Cosh Div Elu Equal Erf Exp Expand Floor Gelu Greater GreaterOrEqual HardSigmoid "
    "HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow "
    "Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh "
    "ThresholdedRelu Xor"
)
def _elementwise(view: NodeView) -> Fields:
    count = 1 if view.node.proto.op_type == "Expand" else len(view.node.proto.input)
    return view.apply("elementwise", [view.operand(slot) for slot in range(count) if view.has(slot)])


@reads("Cast CastLike Clip DequantizeLinear Dropout QuantizeLinear Trilu")
def _by_element(view: NodeView) -> Fields:
    """The further inputs are settings, whose shapes need not broadcast."""
    return view.apply("elementwise", [view.operand(0)])


@reads("BatchNormalization")
def _batch_norm(view: NodeView) -> Fields:
    batch = [dim for dim in range(len(view.shape(0))) if dim != 1] if view.attribute("training_mode", 0) else []
    return [*view.apply("batch_norm", [view.operand(0)], dims=batch)]


@reads("InstanceNormalization")
def _instance_norm(view: NodeView) -> Fields:
    return view.apply("instance_norm", [view.operand(0)], dims=list(range(2, len(view.shape(0)))))


@reads("GroupNormalization")
def _group_norm(view: NodeView) -> Fields:
    return view.apply("group_norm", [view.operand(0)], dims=list(range(1, len(view.shape(0)))))


@reads("LayerNormalization RMSNormalization")
def _layer_norm(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    dims = list(range(view.attribute("axis", -1) % rank, rank))
    return view.apply("layer_norm", [view.operand(0)], dims=dims)


@reads("LRN")
def _local_response_norm(view: NodeView) -> Fields:
    return view.apply("normalise", [view.operand(0)], dims=[1])


@reads("LpNormalization")
def _lp_norm(view: NodeView) -> Fields:
    return view.apply("normalise", [view.operand(0)], dims=[view.attribute("axis", -1)])


@reads("DynamicQuantizeLinear")
def _dynamic_quantisation(view: NodeView) -> Fields:
    """Scale and zero point follow from the extremes of the whole input."""
    rank = len(view.shape(0))
    (quantised,) = view.apply_for("normalise", [view.operand(0)], [view.output()], dims=list(range(rank)))
    (scale,) = view.apply_for("reduce", [view.operand(0)], [()])
    return [quantised, *[scale] * (len(view.node.proto.output) - 1)]


@reads("MeanVarianceNormalization")
def _mean_variance_norm(view: NodeView) -> Fields:
    return view.apply("normalise", [view.operand(0)], dims=view.attribute("axes", [0, 2, 3]))


@reads("Softmax LogSoftmax Hardmax")
def _softmax(view: NodeView) -> Fields:
    rank = len(view.shape(0))
    # Before version 13 the dimensions from `axis` on counted as one.
    flat = view.opset < 13
    axis = view.attribute("axis", 1 if flat else -1) % rank
    return view.apply("softmax", [view.operand(0)], dims=list(range(axis, rank)) if flat else [axis])


@reads("CumSum CumProd")
def _cumulative(view: NodeView) -> Fields:
    forward = not view.attribute("reverse", 0) and not view.attribute("exclusive", 0)
    return view.apply("cumulative" if forward else "normalise", [view.operand(0)], dims=view.integers(1))


@reads("TopK")
def _sorting(view: NodeView) -> Fields:
    return view.apply("reduce", [view.operand(0)], dims=[view.attribute("axis", -1)], keepdim=True)


@reads(
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
)
def _reduction(view: NodeView) -> Fields:
    dims = view.setting("axes", 1, None)
    if not dims and view.attribute("noop_with_empty_axes", 0):
        return view.apply("elementwise", [view.operand(0)])
    return view.apply("reduce", [view.operand(0)], dims=dims, keepdim=bool(view.attribute("keepdims", 1)))


@reads("ArgMax ArgMin")
def _best_position(view: NodeView) -> Fields:
    keepdim = bool(view.attribute("keepdims", 1))
    return view.apply("reduce", [view.operand(0)], dims=[view.attribute("axis", 0)], keepdim=keepdim)


@reads("MatMul MatMulInteger")
def _matrix_product(view: NodeView) -> Fields:
    return view.apply("matmul", [view.operand(0), view.operand(1)])


@reads("QLinearMatMul")
def _quantised_matrix_product(view: NodeView) -> Fields:
    return view.apply("matmul", [view.operand(0), view.operand(3)])


@reads("Gemm")
def _general_matrix_product(view: NodeView) -> Fields:
    sides = []
    for slot, name in ((0, "transA"), (1, "transB")):
        side = view.operand(slot)
        if view.attribute(name, 0):
            side = view.apply_to("permute", side, side[0][::-1], dims=[1, 0])
        sides.append(side)
    product = view.apply("matmul", sides)
    if not view.has(2):
        return product
    return view.apply("elementwise", [(view.output(), product[0]), view.operand(2)])


@reads("Einsum")
def _einstein_sum(view: NodeView) -> Fields:
    equation = view.attribute("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    letters = left.split(",")
    if not arrow:
        every = left.replace(",", "").replace("...", "")
        once = "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
        right = ("..." if "..." in left else "") + once
    operands = view.operands()
    hidden = [len(shape) - len(text) + 3 for text, (shape, _) in zip(letters, operands, strict=True)]
    unnamed = max((count for text, count in zip(letters, hidden, strict=True) if "..." in text), default=0)
    spelled = [_spelled(text, count, unnamed) for text, count in zip(letters, hidden, strict=True)]
    return view.apply("einsum", operands, operands=spelled, output=_spelled(right, unnamed, unnamed))


def _spelled(text: str, stands_for: int, unnamed: int) -> str:
    """Letters with an ellipsis replaced by digits for the last of the dimensions that ellipses stand for."""
    return text.replace("...", "".join(str(dim) for dim in range(unnamed - stands_for, unnamed)))
