"""How each node's output size comes about, worked through with its numbers; before a pass with the input size open."""

from collections.abc import Mapping, Sequence

from inspector.core import geometry
from inspector.core.table import FormulaLine
from inspector.engine.onnx_model.constant_values import NONE_GIVEN, GivenValues
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError
from inspector.engine.onnx_model.reading_nodes import read_nodes
from inspector.engine.onnx_model.rearranging_formulas import REARRANGING, FormulaReader
from inspector.engine.onnx_model.weight_layouts import layout_of
from inspector.engine.onnx_model.windows import transposed_window_of, window_of


def formulas_of(
    graph: Graph, shapes: Mapping[str, list[int]], given: GivenValues = NONE_GIVEN
) -> dict[int, list[FormulaLine]]:
    """The formula of every node that has one, by its position.

    A formula that does not give the size that the pass found is left out: better none than a wrong one.
    """
    return {
        node.index: lines
        for node, lines in read_nodes(graph, shapes, given, _FORMULAS)
        if lines and _agrees(lines, shapes.get(node.proto.output[0]))
    }


def _agrees(lines: list[FormulaLine], shape: list[int] | None) -> bool:
    if shape is None:
        return True
    told = [line.output for line in lines]
    return None in told or told == shape[-len(told) :]


def _sizes(view: NodeView, count: int) -> Sequence[int | None]:
    try:
        return view.shape(0)[-count:]
    except UnreadableError:
        return [None] * count


def _convolution(view: NodeView) -> list[FormulaLine]:
    window = window_of(view, 3 if view.node.proto.op_type == "QLinearConv" else 1)
    sizes = _sizes(view, len(window.kernel))
    return geometry.convolution(
        sizes, window.kernel, window.stride, window.padding, window.dilation, window.padding_after
    )


def _transposed_convolution(view: NodeView) -> list[FormulaLine]:
    window, extra = transposed_window_of(view, list(view.shape(1)[2:]))
    sizes = _sizes(view, len(window.kernel))
    if window.padding == window.padding_after:
        return geometry.transposed_convolution(
            sizes, window.kernel, window.stride, window.padding, window.dilation, extra
        )
    lines = []
    for place, axis in enumerate(geometry.AXES[len(window.kernel)]):
        size, k, s, d = sizes[place], window.kernel[place], window.stride[place], window.dilation[place]
        p, q, e = window.padding[place], window.padding_after[place], extra[place]
        text = f"({f'{axis}_in' if size is None else size} − 1)·{s} − {p} − {q} + {d}·({k} − 1) + {e} + 1"
        output = None if size is None else (size - 1) * s - p - q + d * (k - 1) + e + 1
        lines.append(FormulaLine(axis=axis, text=text if output is None else f"{text} = {output}", output=output))
    return lines


def _pooling(view: NodeView) -> list[FormulaLine]:
    window = window_of(view, None)
    sizes = _sizes(view, len(window.kernel))
    # SAME_UPPER and SAME_LOWER round up by the padding that they choose.
    ceil_mode = bool(view.attribute("ceil_mode", 0)) and not view.attribute("auto_pad", "").startswith("SAME")
    dilated = window.dilation if view.given("dilations") else None
    return geometry.pooling(
        sizes, window.kernel, window.stride, window.padding, dilated, ceil_mode, window.padding_after
    )


def _global_pooling(view: NodeView) -> list[FormulaLine]:
    count = len(view.shape(0)) - 2
    return geometry.adaptive_pooling(_sizes(view, count), [1] * count)


def _matrix_product(view: NodeView) -> list[FormulaLine] | None:
    weight = view.shape(1)
    if len(weight) != 2:
        return None
    if layout_of(view.node, 1, 2).kind == "output_first":
        return geometry.linear(weight[1], weight[0])
    text = f"x·W: {weight[0]} features times a {weight[0]} × {weight[1]} matrix = {weight[1]}"
    return [FormulaLine(axis="features", text=text, output=weight[1])]


def _unpooling(view: NodeView) -> list[FormulaLine] | None:
    window, _ = transposed_window_of(view, view.attribute("kernel_shape", [0]))
    if window.padding != window.padding_after:
        return None
    wanted = view.integers(2)[2:] if view.has(2) else None
    sizes = _sizes(view, len(window.kernel))
    return geometry.max_unpooling(sizes, window.kernel, window.stride, window.padding, wanted)


def _causal_convolution(view: NodeView) -> list[FormulaLine]:
    (kernel,) = view.shape(1)[2:]
    return geometry.convolution(_sizes(view, 1), [kernel], [1], [kernel - 1], [1], [0])


_FORMULAS: dict[str, FormulaReader] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "DeformConv": _convolution,
    "QLinearConv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "LpPool": _pooling,
    "GlobalMaxPool": _global_pooling,
    "GlobalAveragePool": _global_pooling,
    "GlobalLpPool": _global_pooling,
    "com.microsoft.FusedConv": _convolution,
    "com.microsoft.QLinearAveragePool": _pooling,
    "com.microsoft.QLinearGlobalAveragePool": _global_pooling,
    "Gemm": _matrix_product,
    "MatMul": _matrix_product,
    "MaxUnpool": _unpooling,
    "CausalConvWithState": _causal_convolution,
    **REARRANGING,
}
