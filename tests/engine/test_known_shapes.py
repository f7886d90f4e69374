"""Results that need no torch are those of torch, and what it refuses is left to it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from inspector.engine.pytorch.known_shapes import known_result

CONVOLUTIONS = [torch.conv1d, torch.conv2d, torch.conv3d]


def by_torch(func, args, kwargs):
    """The result on meta and its operations; None where torch refuses."""
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            result = func(*args, **kwargs)
    except (RuntimeError, IndexError, TypeError):
        return None
    several = isinstance(result, tuple)
    tensors = list(result) if several else [result]
    assert len({tensor.dtype for tensor in tensors}) == 1
    laid_out = [(tuple(tensor.shape), tensor.stride()) for tensor in tensors]
    return laid_out, tensors[0].dtype, counter.get_total_flops(), several


def is_right(func, args, kwargs):
    """Whether nothing is known, or what torch says."""
    known = known_result(func, args, kwargs)
    return known is None or by_torch(func, args, kwargs) == tuple(known)


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


few = st.integers(1, 3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_convolutions(data):
    axes = data.draw(st.integers(1, 3))
    each = st.one_of(few, st.lists(few, min_size=axes, max_size=axes).map(tuple))
    groups, taken = data.draw(few), data.draw(few)
    kernel = data.draw(st.lists(few, min_size=axes, max_size=axes))
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=axes, max_size=axes))
    channels = groups * data.draw(few)
    image = meta(data.draw(few), data.draw(st.sampled_from([taken * groups, taken])), *sizes)
    bias = data.draw(st.sampled_from([None, meta(channels)]))
    padding = data.draw(st.one_of(each, st.sampled_from([0, "same", "valid"])))
    args = (image, meta(channels, taken, *kernel), bias, data.draw(each), padding, data.draw(each), groups)
    assert is_right(CONVOLUTIONS[axes - 1], args, {})


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_recurrences(data):
    layer = data.draw(st.sampled_from([nn.LSTM, nn.GRU, nn.RNN]))
    features, hidden, layers = data.draw(few), data.draw(few), data.draw(st.integers(1, 2))
    options = {name: data.draw(st.booleans()) for name in ("bias", "batch_first", "bidirectional")}
    module = layer(features, hidden, layers, device="meta", **options)
    seen = []

    class Watching(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func in (torch.lstm, torch.gru, torch.rnn_tanh):
                seen.append(tuple(known_result(func, args, kwargs or {})) == by_torch(func, args, kwargs or {}))
            return func(*args, **(kwargs or {}))

    with torch.no_grad(), Watching():
        module(meta(data.draw(few), data.draw(few), features))
    assert seen == [True]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_joining(data):
    rank = data.draw(st.integers(1, 4))
    shape = data.draw(st.lists(st.integers(0, 4), min_size=rank, max_size=rank))
    dim = data.draw(st.integers(-rank - 1, rank))
    tensors = []
    for _ in range(data.draw(few)):
        own = list(shape)
        own[data.draw(st.integers(0, rank - 1))] = data.draw(st.integers(0, 4))
        tensors.append(meta(*own, dtype=data.draw(st.sampled_from([torch.float32, torch.float32, torch.int64]))))
    assert is_right(torch.cat, (tensors, dim), {})


@pytest.mark.parametrize(
    ("func", "args", "kwargs"),
    [
        (torch.conv2d, (meta(2, 4, 9, 8), meta(6, 2, 3, 2)), {"groups": 2, "padding": (1, 0), "bias": meta(6)}),
        (torch.conv1d, (meta(2, 4, 9), meta(6, 4, 3), None, 2, 1, 2), {}),
        (torch.conv2d, (meta(1, 1, 5, 5), meta(1, 1, 1, 1)), {}),
        (torch.cat, ([meta(2, 1, 5), meta(2, 3, 5)],), {"dim": 1}),
        (torch.cat, ((meta(2, 1, 1, 1), meta(2, 3, 1, 1)), -3), {}),
    ],
)
def test_what_is_usual_is_known(func, args, kwargs):
    assert tuple(known_result(func, args, kwargs)) == by_torch(func, args, kwargs)


@pytest.mark.parametrize(
    ("func", "args", "kwargs"),
    [
        (torch.conv2d, (meta(3, 9, 9), meta(4, 3, 3, 3)), {}),
        (torch.conv2d, (meta(1, 3, 9, 9).to(memory_format=torch.channels_last), meta(4, 3, 3, 3)), {}),
        (torch.conv2d, (meta(1, 3, 9, 9, dtype=torch.float64), meta(4, 3, 3, 3)), {}),
        (torch.conv2d, (meta(1, 3, 2, 9), meta(4, 3, 3, 3)), {}),
        (torch.cat, ([meta(2, 3), meta(3, 2).t()],), {}),
        (torch.cat, ([meta(0), meta(3, 2)],), {}),
        (torch.cat, ([meta(2, 3)],), {"out": meta(2, 3)}),
        (torch.relu, (meta(2, 3),), {}),
        (torch.cat, (), {"tensors": [meta(2, 3), meta(2, 3)], "dim": 1}),
        (torch.cat, (), {}),
        (torch.conv2d, (meta(1, 3, 9, 9),), {}),
        (torch.conv2d, ("nonsense", None), {}),
    ],
)
def test_what_is_unusual_is_left_to_torch(func, args, kwargs):
    assert known_result(func, args, kwargs) is None
