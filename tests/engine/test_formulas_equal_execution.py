"""The worked formula of every layer with a window equals what torch makes, for random settings and sizes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.table import FormulaLine
from inspector.engine.pytorch.field_calls import formula_of
from inspector.engine.pytorch.layer_formulas import static_formula
from inspector.engine.pytorch.op_calls import Returned

pytestmark = pytest.mark.slow
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Formulas(TorchFunctionMode):
    """The formula of the last call that has one."""

    lines: list[FormulaLine] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.lines = formula_of(Returned(func, args, kwargs, result)) or self.lines
        return result


def each(draw: Draw, count: int, least: int, most: int) -> Any:
    """One number for all axes, or one for each."""
    one = st.integers(least, most)
    return draw(one) if draw(st.booleans()) else tuple(draw(one) for _ in range(count))


def convolution(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[count]
    kernel, dilation = each(draw, count, 1, 4), each(draw, count, 1, 3)
    padding = draw(st.sampled_from(["same", "valid", "number", "number"]))
    stride = 1 if padding == "same" else each(draw, count, 1, 3)
    groups, mode = draw(st.sampled_from([1, 2])), draw(st.sampled_from(["zeros", "zeros", "replicate"]))
    where = each(draw, count, 0, 2) if padding == "number" else padding
    return made(2, 4, kernel, stride, where, dilation, groups, padding_mode=mode)


def transposed(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[count]
    return made(
        2, 2, each(draw, count, 1, 4), each(draw, count, 1, 3), each(draw, count, 0, 2), each(draw, count, 0, 2),
        dilation=each(draw, count, 1, 3),
    )  # fmt: skip


def max_pooling(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}[count]
    stride = None if draw(st.booleans()) else each(draw, count, 1, 3)
    return made(
        each(draw, count, 1, 4), stride, each(draw, count, 0, 2), each(draw, count, 1, 3),
        ceil_mode=draw(st.booleans()), return_indices=draw(st.booleans()),
    )  # fmt: skip


def average_pooling(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}[count]
    stride = None if draw(st.booleans()) else each(draw, count, 1, 3)
    return made(each(draw, count, 1, 4), stride, each(draw, count, 0, 2), ceil_mode=draw(st.booleans()))


def power_pooling(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.LPPool1d, 2: nn.LPPool2d, 3: nn.LPPool3d}[count]
    # torch's one-dimensional function takes no tuples.
    few = 1 if count == 1 else count
    kernel = draw(st.integers(1, 4)) if count == 1 else each(draw, few, 1, 4)
    return made(2, kernel, draw(st.sampled_from([None, 1, 2, 3])), ceil_mode=draw(st.booleans()))


def adaptive_pooling(draw: Draw, count: int) -> nn.Module:
    made = draw(
        st.sampled_from(
            {
                1: [nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d],
                2: [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d],
                3: [nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d],
            }[count]
        )
    )
    wanted = each(draw, count, 1, 9)
    if isinstance(wanted, tuple) and count > 1 and draw(st.booleans()):
        wanted = (None, *wanted[1:])
    return made(wanted)


def fractional_pooling(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.FractionalMaxPool2d, 2: nn.FractionalMaxPool2d, 3: nn.FractionalMaxPool3d}[count]
    if draw(st.booleans()):
        return made(draw(st.integers(1, 3)), output_size=each(draw, max(count, 2), 1, 5))
    ratio = st.floats(0.05, 0.95)
    return made(draw(st.integers(1, 3)), output_ratio=tuple(draw(ratio) for _ in range(max(count, 2))))


def upsampling(draw: Draw, count: int) -> nn.Module:
    if draw(st.booleans()):
        return nn.Upsample(size=each(draw, count, 1, 20))
    return nn.Upsample(
        scale_factor=draw(st.floats(0.2, 3.0)), recompute_scale_factor=draw(st.sampled_from([None, True, False]))
    )


def unpooling(draw: Draw, count: int) -> nn.Module:
    made = {1: nn.MaxUnpool1d, 2: nn.MaxUnpool2d, 3: nn.MaxUnpool3d}[count]
    stride = None if draw(st.booleans()) else each(draw, count, 1, 3)
    return made(each(draw, count, 1, 4), stride, each(draw, count, 0, 1))


def unfolding(draw: Draw, count: int) -> nn.Module:
    return nn.Unfold(each(draw, 2, 1, 3), each(draw, 2, 1, 2), each(draw, 2, 0, 2), each(draw, 2, 1, 3))


FAMILIES = [
    convolution, transposed, max_pooling, average_pooling, power_pooling, adaptive_pooling, fractional_pooling,
    upsampling, unpooling, unfolding,
]  # fmt: skip


def executed(layer: nn.Module, inputs: list[torch.Tensor]) -> tuple[list[int] | None, list[FormulaLine] | None]:
    """The shape that comes out, None where torch refuses; and the formula of the call."""
    with torch.no_grad(), Formulas() as mode:
        try:
            output = layer(*inputs)
        except (RuntimeError, ValueError, IndexError, TypeError):
            return None, mode.lines
    return list((output[0] if isinstance(output, tuple) else output).shape), mode.lines


@pytest.mark.filterwarnings("ignore:Using padding")
@pytest.mark.filterwarnings("ignore:Note that order of the arguments")
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_formula_equals_execution(family: Callable[[Draw, int], nn.Module], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 3))
    layer = family(data.draw, count)
    if family is fractional_pooling:
        count = max(count, 2)
    elif family is unfolding:
        count = 2
    sizes = [data.draw(st.integers(1, 9)) for _ in range(count)]
    # Upsampling alone takes no input without a batch.
    batched = data.draw(st.booleans()) or family is upsampling
    shape = [*([1] if batched else []), 2, *sizes]
    inputs = [torch.zeros(shape)]
    if family is unpooling:
        inputs.append(torch.zeros(shape, dtype=torch.int64))
    output, called = executed(layer, inputs)
    alone = static_formula(layer, shape)
    assert alone is not None
    told = [line.output for line in alone]
    if output is None:
        assert called is None
        assert None not in told
        refused = min(told) < 1 or any("PyTorch refuses" in note for line in alone for note in line.notes)
        assert refused or family in (fractional_pooling, unpooling) or _is_refused_otherwise(layer)
        return
    assert told == output[-len(told) :]
    assert called is not None
    assert [line.output for line in called] == told


def _is_refused_otherwise(layer: Any) -> bool:
    """For a reason that is no matter of sizes."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        axes = zip(layer.output_padding, layer.stride, layer.dilation, strict=True)
        return any(extra >= max(stride, dilation) for extra, stride, dilation in axes)
    # In three dimensions torch asks of an averaging kernel that it fits the input without its padding.
    return isinstance(layer, nn.AvgPool3d | nn.LPPool3d)
