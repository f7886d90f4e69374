"""The window settings of convolutions and poolings, from attributes, weights and automatic padding."""

from inspector.core.record import Record
from inspector.engine.onnx_model.node_view import NodeView, UnreadableError


class Window(Record, frozen=True, kw_only=True):
    """One entry for each windowed dimension."""

    kernel: list[int]
    stride: list[int]
    padding: list[int]
    """Before."""
    padding_after: list[int]
    dilation: list[int]

    @property
    def settings(self) -> dict[str, object]:
        """As the rules of `inspector.core.field_rules` take them."""
        return {
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "padding_after": self.padding_after,
            "dilation": self.dilation,
            "axes": len(self.kernel),
        }


def window_of(view: NodeView, weight: int | None) -> Window:
    """The window of a convolution with its weight at that input, or of a pooling (None).

    Raises UnreadableError where the kernel's size is not known.
    """
    kernel = list(view.shape(weight)[2:]) if weight is not None else view.attribute("kernel_shape", [0])
    count = len(kernel)
    # Unlike in torch, the stride of a pooling defaults to 1, not to the kernel.
    stride = view.attribute("strides", [1] * count)
    dilation = view.attribute("dilations", [1] * count)
    before, after = _padding(view, kernel, stride, dilation)
    return Window(kernel=kernel, stride=stride, padding=before, padding_after=after, dilation=dilation)


def transposed_window_of(view: NodeView, kernel: list[int]) -> tuple[Window, list[int]]:
    """The window and the output padding of a transposed convolution, or of an unpooling."""
    count = len(kernel)
    stride = view.attribute("strides", [1] * count)
    dilation = view.attribute("dilations", [1] * count)
    extra = view.attribute("output_padding", [0] * count)
    pads = view.attribute("pads", [0] * (2 * count))
    before, after = pads[:count], pads[count:]
    automatic = view.attribute("auto_pad", "NOTSET")
    if automatic.startswith("SAME") or view.given("output_shape"):
        size_in, size_out = view.shape(0)[2:], view.output()[2:]
        reached = [
            s * (i - 1) + e + d * (k - 1) + 1
            for i, k, s, d, e in zip(size_in, kernel, stride, dilation, extra, strict=True)
        ]
        total = [max(0, size - wanted) for size, wanted in zip(reached, size_out, strict=True)]
        # Source: the specification of ConvTranspose; the odd one goes behind only for SAME_UPPER.
        half = [amount // 2 if automatic == "SAME_UPPER" else amount - amount // 2 for amount in total]
        before, after = half, [amount - lead for amount, lead in zip(total, half, strict=True)]
        # output_shape may ask for positions behind those that the windows reach.
        extra = [e + max(0, wanted - size) for e, size, wanted in zip(extra, reached, size_out, strict=True)]
    elif automatic == "VALID":
        before = after = [0] * count
    return Window(kernel=kernel, stride=stride, padding=before, padding_after=after, dilation=dilation), extra


def pads_of(view: NodeView) -> tuple[list[int], list[int]]:
    """What a Pad adds before and behind each dimension."""
    rank = len(view.shape(0))
    # Version 1 called the attribute "paddings".
    pads = view.setting("paddings" if view.given("paddings") else "pads", 1, []) or []
    axes = view.integers(3) if view.has(3) else list(range(rank))
    before, after = [0] * rank, [0] * rank
    for axis, first, last in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        before[axis % rank], after[axis % rank] = first, last
    return before, after


def columns_of(view: NodeView) -> Window:
    """The window whose columns a Col2Im puts back into an image."""
    kernel = view.integers(2)
    count = len(kernel)
    pads = view.attribute("pads", [0] * (2 * count))
    return Window(
        kernel=kernel,
        stride=view.attribute("strides", [1] * count),
        padding=pads[:count],
        padding_after=pads[count:],
        dilation=view.attribute("dilations", [1] * count),
    )


def _padding(view: NodeView, kernel: list[int], stride: list[int], dilation: list[int]) -> tuple[list[int], list[int]]:
    count = len(kernel)
    automatic = view.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        return [0] * count, [0] * count
    if automatic == "NOTSET":
        pads = view.attribute("pads", [0] * (2 * count))
        if len(pads) != 2 * count:
            raise UnreadableError
        return pads[:count], pads[count:]
    size_in = view.shape(0)[2:]
    total = [
        max(0, (-(-i // s) - 1) * s + d * (k - 1) + 1 - i)
        for i, k, s, d in zip(size_in, kernel, stride, dilation, strict=True)
    ]
    lead = [amount // 2 if automatic == "SAME_UPPER" else amount - amount // 2 for amount in total]
    return lead, [amount - first for amount, first in zip(total, lead, strict=True)]
