"""The formulas' sizes against torch running the layer."""

from math import ceil, floor
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from inspector.core import geometry
from inspector.core.table import FormulaLine

sizes = st.integers(1, 24)
kernels, strides, paddings, dilations = st.integers(1, 6), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3)


def executed(layer: nn.Module, *inputs: Any) -> list[int] | None:
    """The spatial sizes that come out; None where torch refuses."""
    try:
        return list(layer(*inputs).shape[2:])
    except (RuntimeError, ValueError):
        return None


def outputs(lines: list[FormulaLine]) -> list[int | None]:
    return [line.output for line in lines]


@settings(max_examples=150, deadline=None)
@given(sizes, sizes, kernels, strides, paddings, dilations)
def test_convolution(height: int, width: int, k: int, s: int, p: int, d: int) -> None:
    layer = nn.Conv2d(1, 1, (k, 2), (s, 1), (p, 1), (d, 2))
    out = executed(layer, torch.zeros(1, 1, height, width))
    assume(out is not None)
    assert outputs(geometry.convolution([height, width], [k, 2], [s, 1], [p, 1], [d, 2])) == out


@settings(max_examples=150, deadline=None)
@given(sizes, kernels, strides, paddings, dilations, st.integers(0, 3))
def test_transposed_convolution(size: int, k: int, s: int, p: int, d: int, extra: int) -> None:
    layer = nn.ConvTranspose1d(1, 1, k, s, p, extra, dilation=d)
    out = executed(layer, torch.zeros(1, 1, size))
    assume(out is not None)
    assert outputs(geometry.transposed_convolution([size], [k], [s], [p], [d], [extra])) == out


@settings(max_examples=300, deadline=None)
@given(sizes, kernels, strides, paddings, dilations, st.booleans())
def test_max_pooling_also_where_ceil_mode_drops_the_last_window(
    size: int, k: int, s: int, p: int, d: int, ceil_mode: bool
) -> None:
    out = executed(nn.MaxPool1d(k, s, p, d, ceil_mode=ceil_mode), torch.zeros(1, 1, size))
    assume(out is not None)
    assert outputs(geometry.pooling([size], [k], [s], [p], [d], ceil_mode)) == out


@settings(max_examples=150, deadline=None)
@given(sizes, kernels, strides, paddings, st.booleans())
def test_average_and_lp_pooling(size: int, k: int, s: int, p: int, ceil_mode: bool) -> None:
    average = executed(nn.AvgPool2d(k, s, p, ceil_mode=ceil_mode), torch.zeros(1, 1, size, size))
    assume(average is not None)
    assert outputs(geometry.pooling([size] * 2, [k] * 2, [s] * 2, [p] * 2, None, ceil_mode)) == average
    power = executed(nn.LPPool2d(2, k, s, ceil_mode=ceil_mode), torch.zeros(1, 1, size, size))
    if power is not None:
        assert outputs(geometry.pooling([size] * 2, [k] * 2, [s] * 2, [0] * 2, None, ceil_mode)) == power


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 4))
def test_max_unpooling(size: int, k: int, s: int) -> None:
    out = executed(nn.MaxUnpool1d(k, s), torch.zeros(1, 1, size), torch.arange(size).reshape(1, 1, size))
    assume(out is not None)
    assert outputs(geometry.max_unpooling([size], [k], [s], [0])) == out


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.77])
@pytest.mark.parametrize("size", [7, 12, 31])
def test_fractional_pooling(size: int, ratio: float) -> None:
    out = executed(nn.FractionalMaxPool2d(2, output_ratio=ratio), torch.zeros(1, 1, size, size))
    assert outputs(geometry.fractional_pooling([size] * 2, [2] * 2, None, [ratio] * 2)) == out


def test_the_text_holds_the_numbers_of_this_layer() -> None:
    (line,) = geometry.convolution([32], [5], [1], [0], [1])
    assert (line.axis, line.text, line.output) == ("L", "⌊(32 + 2·0 − 1·(5 − 1) − 1)/1⌋ + 1 = 28", 28)
    (line,) = geometry.convolution([None], [5], [2], [1], [1], [2])
    assert (line.text, line.output) == ("⌊(L_in + 1 + 2 − 1·(5 − 1) − 1)/2⌋ + 1", None)
    depth, height, width = geometry.pooling([8, None, 6], [2] * 3, [2] * 3, [0] * 3)
    assert [line.axis for line in (depth, height, width)] == ["D", "H", "W"]
    assert depth.text == "⌊(8 + 2·0 − 2)/2⌋ + 1 = 4"
    assert height.text == "⌊(H_in + 2·0 − 2)/2⌋ + 1"


@settings(max_examples=80, deadline=None)
@given(sizes, kernels, strides, paddings, dilations, st.integers(0, 3))
def test_each_part_of_a_text_is_an_expression_that_gives_its_output(
    size: int, k: int, s: int, p: int, d: int, more: int
) -> None:
    """Evaluated as written, with floor and ceiling brackets turned into Python."""
    lines = [
        *geometry.convolution([size], [k], [s], [p], [d], [more]),
        *geometry.transposed_convolution([size], [k], [s], [p], [d], [more]),
        *geometry.pooling([size], [k], [s], [p], [d], ceil_mode=True),
        *geometry.pooling([size], [k], [s], [p]),
        *geometry.max_unpooling([size], [k], [s], [p]),
        *geometry.unfolding(3, [size + 20, size + 20], [k, 2], [s, 1], [p, 0], [d, 1]),
    ]
    for line in lines:
        *parts, result = line.text.split(" = ")
        assert len(parts) == 1 + ("= ⌊" in line.text or "= ⌈" in line.text or line.axis == "windows")
        for part in (*parts, result):
            python = part.replace("−", "-").replace("·", "*").replace("⌊", "floor(").replace("⌈", "ceil(")
            python = python.replace("⌋", ")").replace("⌉", ")").replace("/", "*1/")
            assert eval(python, {"floor": floor, "ceil": ceil}) == line.output


def test_where_floor_or_ceiling_bites_the_fraction_is_shown() -> None:
    assert geometry.convolution([32], [5], [2], [0], [1])[0].text.endswith("/2⌋ + 1 = ⌊13.5⌋ + 1 = 14")
    assert geometry.pooling([32], [3], [2], [0], None, True)[0].text == "⌈(32 + 2·0 − 3)/2⌉ + 1 = ⌈14.5⌉ + 1 = 16"
    assert geometry.convolution([1002], [4], [999], [0], [1])[0].text.endswith("= ⌊998/999⌋ + 1 = 1")
    assert "⌊10.5⌋ = 10" in geometry.interpolation([7], [7], [1.5])[0].text
