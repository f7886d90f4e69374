"""Statistics against numpy, over every kind of tensor."""

import json

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inspector.engine.statistics import BINS, CHUNK, statistics

UNKNOWN = {"mean": None, "std": None, "min": None, "max": None, "zeros": None, "dead_units": None, "histogram": None}


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float64, arrays.array_shapes(max_dims=3, max_side=6), elements=st.floats(width=32)))
def test_every_figure_is_numpys_over_the_finite_values(values):
    found = statistics(torch.from_numpy(values))
    finite = values[np.isfinite(values)]
    assert found.nan == np.isnan(values).sum()
    assert found.inf == np.isinf(values).sum()
    assert found.zeros == pytest.approx((values == 0).mean())
    if finite.size == 0:
        assert (found.mean, found.min, found.max, found.histogram) == (None, None, None, None)
        return
    assert (found.min, found.max) == (finite.min(), finite.max())
    assert found.mean == pytest.approx(finite.mean(), rel=1e-9, abs=np.abs(finite).max() * 1e-12)
    if finite.size > 1:
        assert found.std == pytest.approx(finite.std(ddof=1), rel=1e-6, abs=np.abs(finite).max() * 1e-12)
    else:
        assert found.std is None
    if found.histogram is not None:
        assert sum(found.histogram.counts) == finite.size
    json.loads(msgspec.json.encode(found), parse_constant=lambda name: pytest.fail(name))


def test_the_histogram_is_numpys():
    values = torch.randn(5000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    counts, edges = np.histogram(values.numpy(), bins=BINS)
    found = statistics(values).histogram
    assert found.counts == counts.tolist()
    assert found.edges == pytest.approx(edges.tolist())


def test_a_constant_has_numpys_edges():
    _, edges = np.histogram(np.full(3, 7.0), bins=BINS)
    found = statistics(torch.full((3,), 7.0)).histogram
    assert found.edges == pytest.approx(edges.tolist())
    assert sum(found.counts) == 3


def test_a_small_spread_around_a_large_mean_over_several_chunks():
    values = 1e4 + torch.randn(CHUNK * 2 + 7, generator=torch.Generator().manual_seed(1))
    found, expected = statistics(values, histogram=False), values.double().numpy()
    assert found.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found.std == pytest.approx(expected.std(ddof=1), rel=1e-9)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8, torch.int64,
        torch.uint16, torch.uint32, torch.uint64, torch.float64,
    ],
)  # fmt: skip
def test_other_dtypes(dtype):
    values = torch.tensor([[0, 1, 2], [3, 0, 6]], dtype=torch.float32).to(dtype)
    found = statistics(values)
    assert (found.mean, found.min, found.max, found.zeros) == (2.0, 0.0, 6.0, pytest.approx(1 / 3))


def test_bool_complex_quantised_and_sparse():
    assert statistics(torch.tensor([True, False, True, True])).mean == 0.75
    assert statistics(torch.tensor([3 + 4j, 0j])).max == 5.0
    assert statistics(torch.quantize_per_tensor(torch.tensor([0.0, 1.0]), 0.5, 3, torch.qint8)).max == 1.0
    dense = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    for sparse in (dense.to_sparse(), dense.to_sparse_csr()):
        assert statistics(sparse) == statistics(dense)


@pytest.mark.parametrize(
    "tensor",
    [torch.empty(0), torch.empty(3, 0), torch.empty(2, device="meta"), torch.nn.parameter.UninitializedParameter()],
)
def test_what_has_no_values_is_unknown(tensor):
    found = msgspec.to_builtins(statistics(tensor))
    assert {name: found[name] for name in UNKNOWN} == UNKNOWN


def test_a_scalar_and_a_view():
    assert statistics(torch.tensor(2.5)).mean == 2.5
    assert statistics(torch.arange(12.0).view(3, 4).t()[1:3]).mean == pytest.approx(
        np.arange(12.0).reshape(3, 4).T[1:3].mean()
    )


def test_the_tensor_and_its_graph_are_left_alone():
    values = torch.ones(3, requires_grad=True)
    statistics(values * 2)
    assert values.grad is None


def test_the_imaginary_part_of_a_conjugate():
    values = torch.tensor([1 + 2j, 3 - 4j]).conj().imag
    assert values.is_neg()
    assert (statistics(values).min, statistics(values).max) == (-2, 4)
