"""Settings as they are typed, and those found by arithmetic, against torch running the layer."""

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.what_if import Settings, by_two, keeping_size, parse_settings, written

CONV = Settings(kernel=[3, 3], stride=[1, 1], padding=[0, 0], dilation=[1, 1], out_channels=8)
POOL = Settings(kernel=[2], stride=[2], padding=[0], dilation=[1], ceil_mode=False)
kernels, dilations, evens = st.integers(1, 7), st.integers(1, 3), st.integers(8, 20).map(lambda half: 2 * half)


def size_after(layer: nn.Module, size: int) -> int:
    return layer(torch.zeros(1, 1, size)).shape[-1]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("kernel", "5", [5, 5]),
        ("kernel", "5x3", [5, 3]),
        ("stride", "(2, 1)", [2, 1]),
        ("padding", "same", "same"),
        ("out_channels", "16", 16),
    ],
)
def test_settings_as_typed(name: str, text: str, value: object) -> None:
    changed = parse_settings({name: text}, CONV, "conv")
    assert getattr(changed, name) == value
    assert parse_settings({name: written(value)}, CONV, "conv") == changed


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("kernel", "1x2x3", "2 axes"),
        ("stride", "0", "at least 1"),
        ("padding", "-1", "whole numbers"),
        ("kernel", "", "one number"),
        ("ceil_mode", "yes", "no setting"),
        ("out_channels", "3x3", "one number"),
    ],
)
def test_what_does_not_read_is_explained(name: str, text: str, word: str) -> None:
    with pytest.raises(RequestError, match=word):
        parse_settings({name: text}, CONV, "conv")


def test_rounding_and_kept_axes_as_typed() -> None:
    assert parse_settings({"ceil_mode": "yes"}, POOL, "pool").ceil_mode is True
    with pytest.raises(RequestError, match="yes or no"):
        parse_settings({"ceil_mode": "up"}, POOL, "pool")
    adaptive = Settings(output_size=[None, 7])
    assert written(adaptive.output_size) == "keepx7"
    assert parse_settings({"output_size": "5xkeep"}, adaptive, "adaptive_pool").output_size == [5, None]


@pytest.mark.parametrize("text", ["same", "valid", " Same "])
@pytest.mark.parametrize("operation", ["pool", "conv_transpose", "max_unpool"])
def test_padding_by_name_is_for_convolutions_only(operation, text) -> None:
    with pytest.raises(RequestError, match="only convolutions have"):
        parse_settings({"padding": text}, POOL, operation)


@settings(max_examples=30, deadline=None)
@given(kernels, dilations, evens)
def test_a_padding_that_keeps_the_size(k: int, d: int, size: int) -> None:
    now = Settings(kernel=[k], stride=[1], padding=[0], dilation=[d])
    found = keeping_size("conv", now).padding
    assert found is not None
    layer = nn.Conv1d(1, 1, k, 1, found if isinstance(found, str) else found[0], d)
    assert size_after(layer, size) == size
    extra = msgspec.structs.replace(now, output_padding=[0])
    if d * (k - 1) % 2 == 0:
        padding = keeping_size("conv_transpose", extra).padding
        assert isinstance(padding, list)
        assert size_after(nn.ConvTranspose1d(1, 1, k, 1, padding[0], dilation=d), size) == size
    else:
        with pytest.raises(RequestError, match="odd kernel"):
            keeping_size("conv_transpose", extra)


@settings(max_examples=30, deadline=None)
@given(kernels, dilations, evens)
def test_settings_that_halve_and_that_double(k: int, d: int, size: int) -> None:
    half = by_two("conv", Settings(kernel=[k], stride=[1], padding=[0], dilation=[d]))
    assert isinstance(half.padding, list)
    assert size_after(nn.Conv1d(1, 1, k, half.stride, half.padding[0], d), size) == size // 2
    pool = by_two("pool", Settings(kernel=[k], stride=[k], padding=[0], ceil_mode=True))
    assert isinstance(pool.padding, list)
    assert size_after(nn.AvgPool1d(pool.kernel, pool.stride, pool.padding, ceil_mode=bool(pool.ceil_mode)), size) == (
        size // 2
    )
    twice = by_two("conv_transpose", Settings(kernel=[k], stride=[1], padding=[0], dilation=[d], output_padding=[0]))
    assert isinstance(twice.padding, list)
    layer = nn.ConvTranspose1d(1, 1, k, twice.stride, twice.padding[0], twice.output_padding[0], dilation=d)
    assert size_after(layer, size) == 2 * size


def test_where_no_padding_helps() -> None:
    with pytest.raises(RequestError, match="stride"):
        keeping_size("conv", msgspec.structs.replace(CONV, stride=[2, 2]))
    assert keeping_size("adaptive_pool", Settings(output_size=[7, 7])).output_size == [None, None]
    with pytest.raises(RequestError, match="no stride"):
        by_two("adaptive_pool", Settings(output_size=[7, 7]))
