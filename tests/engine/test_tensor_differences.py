"""Differences of tensors, against numpy."""

import math

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inspector.engine import tensor_differences
from inspector.engine.tensor_differences import difference


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=1, max_size=20))
def test_the_largest_and_the_relative_difference(pairs):
    a, b = numpy.array(pairs, dtype=numpy.float32).T
    found = difference(torch.from_numpy(a.copy()), torch.from_numpy(b.copy()))
    gap = a.astype(float) - b.astype(float)
    assert found.max_abs == abs(gap).max()
    norm = numpy.linalg.norm(a.astype(float))
    if norm:
        assert found.relative == pytest.approx(numpy.linalg.norm(gap) / norm, rel=1e-9, abs=1e-300)
    else:
        assert found.relative == (None if gap.any() else 0)


def test_pieces_add_up(monkeypatch):
    a, b = torch.randn(1000), torch.randn(1000)
    whole = difference(a, b)
    monkeypatch.setattr(tensor_differences, "CHUNK", 7)
    assert difference(a, b).relative == pytest.approx(whole.relative, rel=1e-12)


def test_what_is_not_finite_is_counted_where_it_differs():
    a = torch.tensor([1.0, math.nan, math.inf, math.inf, 2.0])
    b = torch.tensor([1.0, math.nan, math.inf, -math.inf, math.nan])
    assert difference(a, b).not_finite == 2
    assert difference(a, b).max_abs == 0


def test_integers_differ_by_share_and_shapes_by_name():
    assert difference(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 0, 4])).relative == 0.25
    apart = difference(torch.zeros(2, 3), torch.zeros(3, 2))
    assert (apart.shape_a, apart.shape_b, apart.max_abs) == ([2, 3], [3, 2], None)


def test_halves_and_complex_numbers():
    assert difference(torch.ones(3).half(), torch.ones(3) * 1.5).max_abs == 0.5
    assert difference(torch.tensor([1 + 1j]), torch.tensor([1 + 2j])).max_abs == 1
