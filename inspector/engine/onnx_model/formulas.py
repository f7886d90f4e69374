"""How each node's output size comes about, worked through with its numbers; before a pass with the input size open."""

from collections.abc import Callable, Mapping, Sequence

from inspector.core import geometry
from inspector.core.table import FormulaLine
from inspector.engine.onnx_model.field_pass import ConstantValues
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError
from inspector.engine.onnx_model.roles import layout_of
from inspector.engine.onnx_model.windows import transposed_window_of, window_of

_Reader = Callable[[NodeView], list[FormulaLine] | None]


def formulas_of(graph: Graph, shapes: Mapping[str, list[int]]) -> dict[int, list[FormulaLine]]:
    """The formula of every node that has one, by its position.

    A formula that does not give the size that the pass found is left out: better none than a wrong one.
    """
    known = {**{name: list(tensor.dims) for name, tensor in graph.initializers.items()}, **shapes}
    constants = ConstantValues(graph, known)
    found = {}
    for node in graph.nodes:
        reader = _FORMULAS.get(node.operator)
        if reader is None:
            continue
        try:
            lines = reader(NodeView(node, graph.opset(), known, {}, constants.of, None))
        except (UnreadableError, ValueError, IndexError, KeyError, TypeError, ZeroDivisionError):
            continue
        if lines and _agrees(lines, shapes.get(node.proto.output[0])):
            found[node.index] = lines
    return found


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


def _pooling(view: NodeView) -> list[FormulaLine] | None:
    window = window_of(view, None)
    sizes = _sizes(view, len(window.kernel))
    ceil_mode = bool(view.attribute("ceil_mode", 0))
    if window.padding != window.padding_after:
        if ceil_mode:
            return None
        return geometry.convolution(
            sizes, window.kernel, window.stride, window.padding, window.dilation, window.padding_after
        )
    dilated = window.dilation if view.given("dilations") else None
    return geometry.pooling(sizes, window.kernel, window.stride, window.padding, dilated, ceil_mode)


def _global_pooling(view: NodeView) -> list[FormulaLine]:
    count = len(view.shape(0)) - 2
    return geometry.adaptive_pooling(_sizes(view, count), [1] * count)


def _matrix_product(view: NodeView) -> list[FormulaLine] | None:
    weight = view.shape(1)
    if len(weight) != 2:
        return None
    if layout_of(view.node, 1).kind == "output_first":
        return geometry.linear(weight[1], weight[0])
    text = f"x·W: {weight[0]} features times a {weight[0]} × {weight[1]} matrix = {weight[1]}"
    return [FormulaLine(axis="features", text=text, output=weight[1])]


def _resizing(view: NodeView) -> list[FormulaLine] | None:
    shape, output = view.shape(0), view.output()
    slot = 1 if view.node.proto.op_type == "Upsample" or view.opset < 11 else 2
    changed = len(shape) - 2
    if changed not in geometry.AXES or shape[:2] != output[:2]:
        return None
    scales = view.numbers(slot) if view.has(slot) else []
    whole = len(scales) == len(shape)
    return geometry.interpolation(shape[2:], output[2:], [float(scale) for scale in scales[2:]] if whole else None)


_FORMULAS: dict[str, _Reader] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
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
    "Resize": _resizing,
    "Upsample": _resizing,
}
