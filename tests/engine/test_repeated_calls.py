"""Calls that are not run again give what torch gives, in everything but values."""

import pytest
import torch
from torch.nn import functional as F

from inspector.engine.pytorch import repeated_calls
from inspector.engine.pytorch.costs import OperationCounter
from inspector.engine.pytorch.repeated_calls import RepeatedCalls

CALLS = {
    "convolution": (F.conv2d, [(2, 3, 9, 9), (4, 3, 3, 3)], {"stride": 2}),
    "attention": (F.scaled_dot_product_attention, [(1, 2, 5, 4)] * 3, {}),
    "a result and nothing": (lambda x: (torch.neg(x), None), [(3, 4)], {}),
    "several results": (torch.max, [(3, 4)], {"dim": 1}),
    "parts of one tensor": (torch.split, [(6, 4)], {"split_size_or_sections": 2}),
    "a view": (torch.Tensor.view, [(6, 4)], {"size": (4, 6)}),
    "a copy where strides need one": (lambda x: torch.Tensor.reshape(x.t(), 24), [(6, 4)], {}),
    "the argument itself": (torch.Tensor.contiguous, [(6, 4)], {}),
    "in place": (F.relu, [(6, 4)], {"inplace": True}),
    "in place, another shape": (torch.Tensor.t_, [(6, 4)], {}),
    "in place, another rank": (torch.Tensor.unsqueeze_, [(6, 4)], {"dim": 0}),
    "broadcast": (torch.add, [(2, 3, 1), (3, 5)], {}),
    "in evaluation": (F.dropout, [(6, 4)], {"training": False}),
    "a flag": (torch.Tensor.requires_grad_, [(6, 4)], {}),
    "a number": (torch.Tensor.size, [(6, 4)], {"dim": 1}),
}


def on_meta(shapes):
    return [torch.empty(shape, device="meta") for shape in shapes]


def seen(result, tensors):
    """What can be known of a result without values, also which memory it shares."""
    if not isinstance(result, torch.Tensor):
        return [seen(part, tensors) for part in result] if isinstance(result, tuple | list) else result
    shares = [result.untyped_storage()._cdata == tensor.untyped_storage()._cdata for tensor in tensors]
    same = [result is tensor for tensor in tensors]
    return (*described(result), result.requires_grad, shares, same)


def described(tensor):
    return tuple(tensor.shape), tensor.stride(), tensor.dtype


def run(func, args, kwargs):
    return func(*args, **kwargs)


@pytest.mark.parametrize("name", CALLS)
def test_a_repeated_call_is_as_torch_s_own(name):
    func, shapes, settings = CALLS[name]
    repeated = RepeatedCalls(run, None)
    with torch.no_grad():
        for _ in range(3):
            tensors, others = on_meta(shapes), on_meta(shapes)
            result = repeated(func, tuple(tensors), settings)
            expected = func(*others, **settings)
            assert type(result) is type(expected)
            assert seen(result, tensors) == seen(expected, others)
            assert [described(each) for each in tensors] == [described(each) for each in others]


def test_what_torch_refuses_is_refused_each_time():
    repeated = RepeatedCalls(run, None)
    with torch.no_grad():
        repeated(torch.add, (torch.empty(3, 4, device="meta"), torch.empty(3, 4, device="meta")), {})
        for _ in range(2):
            with pytest.raises(RuntimeError):
                repeated(torch.add, (torch.empty(3, 4, device="meta"), torch.empty(3, 5, device="meta")), {})


def test_elementwise_calls_on_other_sizes_are_known_by_which_sizes_are_equal():
    ran = []
    repeated = RepeatedCalls(lambda func, args, kwargs: ran.append(func) or func(*args, **kwargs), None)
    with torch.no_grad():
        for shape in [(2, 3, 5, 7), (2, 6, 11, 13), (2, 3, 5, 7)]:
            x, channels = torch.empty(shape, device="meta"), torch.empty(shape[1], device="meta")
            result = repeated(F.batch_norm, (x, channels, channels), {})
            assert described(result) == described(F.batch_norm(x, channels, channels))
        with pytest.raises(RuntimeError):
            repeated(F.batch_norm, (x, channels[:2], channels[:2]), {})
    assert len(ran) == 2  # the first, and the one that torch refuses


@pytest.mark.parametrize("first", [True, False])
def test_whether_an_argument_is_true_or_one_makes_a_difference(first):
    repeated = RepeatedCalls(run, None)
    x = torch.empty(2, 3, device="meta")
    with torch.no_grad():
        for other in (first, 1 if first is True else 0, float(first)):
            assert repeated(torch.add, (x.int(), other), {}).dtype == torch.add(x.int(), other).dtype


def test_operations_are_counted_each_time():
    counted = []
    counter = OperationCounter(counted.append)
    repeated = RepeatedCalls(run, counter)
    with torch.no_grad(), counter:
        for _ in range(3):
            repeated(F.linear, (torch.empty(2, 5, device="meta"), torch.empty(7, 5, device="meta")), {})
    assert counted == [2 * 2 * 5 * 7] * 3


@pytest.mark.parametrize("missing", ["_ANY_AUTOCAST", "_TRANSFORMATION", "_NO_DISPATCH"])
def test_a_torch_without_the_private_parts_runs_every_call(monkeypatch, missing):
    monkeypatch.setattr(repeated_calls, missing, None)
    ran = []
    repeated = RepeatedCalls(lambda func, args, kwargs: ran.append(func) or func(*args, **kwargs), None)
    with torch.no_grad():
        for _ in range(2):
            assert repeated(F.relu, tuple(on_meta([(2, 3)])), {}).shape == (2, 3)
    assert len(ran) == 2


def test_gradients_autocast_and_vmap_are_left_to_torch():
    repeated = RepeatedCalls(run, None)
    x, y = torch.empty(2, 2, device="meta", requires_grad=True), torch.empty(2, 2, device="meta")
    with torch.no_grad():
        repeated(torch.matmul, (x, y), {})
    assert repeated(torch.matmul, (x, y), {}).requires_grad
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        a, b = torch.empty(2, 2), torch.empty(2, 2)
        assert repeated(torch.matmul, (a, b), {}).dtype == torch.bfloat16
    with torch.no_grad():
        mapped = torch.vmap(lambda one: repeated(torch.matmul, (one, y), {}))(torch.empty(5, 2, 2, device="meta"))
    assert mapped.shape == (5, 2, 2)


def test_the_argument_written_into_is_the_one_given_now():
    repeated = RepeatedCalls(run, None)
    a, b, z = on_meta([(3, 4)] * 3)
    with torch.no_grad():
        assert repeated(torch.add, (a, a), {"out": a}) is a
        assert repeated(torch.add, (b, b), {"out": z}) is z
        assert repeated(torch.broadcast_tensors, (a, a), {})[1] is a
        assert repeated(torch.broadcast_tensors, (a, b), {})[1] is b


def test_sizes_that_do_not_fit_are_refused_whatever_was_known_before():
    repeated = RepeatedCalls(run, None)
    scale = torch.empty(1, 64, device="meta").t()
    with torch.no_grad():
        repeated(torch.Tensor.mul, (torch.empty(64, 96, device="meta"), scale), {})
        with pytest.raises(RuntimeError, match="broadcast"):
            repeated(torch.Tensor.mul, (torch.empty(96, 64, device="meta"), scale), {})
