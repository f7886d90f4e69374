"""Statistics gathered during passes against numpy over all that was taken."""

import json
import math

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inspector.core.results import Magnitudes, Statistics
from inspector.engine.counted_statistics import statistics_of
from inspector.engine.counting import EXACT, SAMPLE, fetched, fetching
from inspector.engine.gathering import SHOWN, Gathering
from inspector.engine.statistics import BINS


def gathered(*tensors: torch.Tensor, bounds: tuple[float, float] | None = None) -> Statistics:
    """Of tensors that were taken one after another as the same value."""
    taking = Gathering[str](len(tensors))
    for tensor in tensors:
        taking.take("x", tensor, bounds)
    return taking.statistics()["x"]


def waited_for(tensor: torch.Tensor, bounds: tuple[float, float] | None = None) -> Statistics:
    """As on a device that is not waited for."""
    part = fetching(tensor, bounds, SHOWN)
    return statistics_of(list(fetched([part]).values()), tensor.dim() >= 2)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check(found: Statistics, values: np.ndarray) -> None:
    """Compare with numpy's figures over the finite values."""
    finite = values[np.isfinite(values)]
    assert (found.nan, found.inf) == (np.isnan(values).sum(), np.isinf(values).sum())
    assert found.zeros == pytest.approx((values == 0).mean())
    if finite.size == 0:
        assert (found.mean, found.std, found.min, found.max, found.histogram) == (None,) * 5
        return
    size = np.abs(finite).max()
    assert (found.min, found.max) == (finite.min(), finite.max())
    assert found.mean == pytest.approx(finite.mean(), rel=1e-5, abs=size * 1e-6)
    if finite.size > 1:
        assert found.std == pytest.approx(finite.std(ddof=1), rel=1e-5, abs=size * 1e-6)
    else:
        assert found.std is None


@settings(max_examples=80, deadline=None)
@given(arrays.arrays(np.float64, arrays.array_shapes(max_dims=4, max_side=5), elements=st.floats(width=32)))
def test_every_figure_is_numpys_over_the_finite_values(values):
    for found in (gathered(torch.from_numpy(values)), waited_for(torch.from_numpy(values))):
        check(found, values)
        json.loads(msgspec.json.encode(found), parse_constant=lambda name: pytest.fail(name))


@settings(max_examples=40, deadline=None)
@given(st.lists(arrays.arrays(np.float32, (2, 3, 4), elements=st.floats(width=32)), min_size=2, max_size=4))
def test_several_passes_are_counted_as_one_value(passes):
    found, together = gathered(*map(torch.from_numpy, passes)), np.concatenate(passes)
    check(found, together.astype(np.float64))
    finite = np.isfinite(together)
    dead = ((together == 0) | ~finite).all(axis=(0, 2)) & finite.any(axis=(0, 2))
    assert found.dead_units == pytest.approx(dead.mean())


@pytest.mark.parametrize("shape", [(5000,), (3, 7, 900), (70_000,), (4, 16, 64, 64), (EXACT,)])
@pytest.mark.parametrize("mean", [0, 1, 300])
def test_values_of_some_size_are_counted_whole_to_five_digits(shape, mean):
    values = drawn(*shape) + mean
    found = gathered(values)
    check(found, values.double().numpy())
    assert found.sample is None


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_of_large_values_extremes_and_channels_are_exact_and_the_rest_is_a_marked_sample(layout):
    values = drawn(3, 40, 128, 128).relu()
    values[:, [3, 17]] = 0
    values[1:, 5] = 0
    values[2, 11, 40, 3] = 40
    values = values.to(memory_format=layout)
    found, all_values = gathered(values), values.double().numpy()

    assert (found.min, found.max) == (0, 40)
    assert found.dead_units == pytest.approx(2 / 40)
    assert found.channels.largest[0].index == [11]
    assert found.channels.largest[0].value == 40
    assert {extreme.index[0] for extreme in found.channels.smallest[:2]} == {3, 17}
    assert SAMPLE / 2 < found.sample <= SAMPLE
    # Three standard errors of a sample of this size.
    assert found.mean == pytest.approx(all_values.mean(), abs=3 * all_values.std() / math.sqrt(found.sample))
    assert found.zeros == pytest.approx((all_values == 0).mean(), abs=0.02)


def test_nan_in_a_large_value_is_counted_exactly():
    values = drawn(2, 3, 512, 512)
    values[1, 2, 5, 5:8] = math.nan
    values[0, 0, 0, 0] = -math.inf
    found = gathered(values)
    assert (found.nan, found.inf, found.sample) == (3, 1, None)
    check(found, values.double().numpy())


@pytest.mark.parametrize("shape", [(4, 6, 300, 300), (1 << 20,), (3, 7, 65536), (100, 10)])
def test_the_histogram_of_a_sample_has_the_shares_of_numpys(shape):
    values = drawn(*shape)
    found = gathered(values).histogram
    counts, edges = np.histogram(values.double().numpy(), bins=BINS)
    assert found.edges == pytest.approx(edges.tolist())
    counted = sum(found.counts)
    assert counted == (found.sample or values.numel())
    assert (found.sample is None) == (values.numel() <= SHOWN)
    assert np.abs(np.array(found.counts) / counted - counts / values.numel()).max() < 0.025


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e30, 1e30)))
def test_magnitudes_are_the_powers_of_two_below(values):
    found = gathered(torch.from_numpy(values)).magnitudes
    expected = {}
    for value in values[values != 0]:
        exponent = min(max(math.frexp(value)[1] - 1, Magnitudes.LEAST), Magnitudes.MOST)
        expected[exponent, value > 0] = expected.get((exponent, value > 0), 0) + 1
    counts = {(found.first + at, False): count for at, count in enumerate(found.negative) if count}
    counts |= {(found.first + at, True): count for at, count in enumerate(found.positive) if count}
    assert counts == expected
    assert found.zeros == (values == 0).sum()


def test_channels_are_listed_by_their_largest_absolute_value():
    values = torch.zeros(2, 5, 3)
    for channel, size in enumerate([3.0, -9.0, 1.0, 0.5, 7.0]):
        values[1, channel, 2] = size
    found = gathered(values).channels
    assert [(one.index, one.value) for one in found.largest] == [([1], 9), ([4], 7), ([0], 3)]
    assert [(one.index, one.value) for one in found.smallest] == [([3], 0.5), ([2], 1), ([0], 3)]
    assert (found.number, found.median) == (5, 3)


def test_dead_units_are_channels_that_are_zero_everywhere_in_every_pass():
    values = torch.ones(2, 4, 3)
    values[:, 1] = 0
    values[0, 2] = 0
    alive = torch.ones(2, 4, 3)
    assert gathered(values).dead_units == 0.25
    assert gathered(values, alive).dead_units == 0
    assert gathered(torch.ones(5)).dead_units is None


@pytest.mark.parametrize("counted", [gathered, waited_for])
def test_saturated_is_the_share_near_a_bound(counted):
    values = torch.tensor([[0.001, 0.5, 0.995, 0.02, 1.0]])
    assert counted(values, bounds=(0.0, 1.0)).saturated == pytest.approx(3 / 5)
    assert counted(values).saturated is None


def test_a_value_changed_in_place_is_counted_anew_and_one_passed_on_is_not():
    taking = Gathering[str]()
    value = torch.ones(3)
    taking.take("made", value)
    taking.take("passed on", value)
    value.add_(1)
    taking.take("changed", value)
    found = taking.statistics()
    assert [found[key].mean for key in ("made", "passed on", "changed")] == [1, 1, 2]


@pytest.mark.parametrize(
    "tensor",
    [torch.empty(0), torch.empty(3, 0), torch.empty(2, device="meta"), torch.nn.parameter.UninitializedParameter()],
)
def test_what_has_no_values_is_unknown(tensor):
    found = gathered(tensor)
    assert (found.mean, found.min, found.zeros, found.histogram, found.dead_units) == (None,) * 5


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor([[True, False], [True, True]]),
        torch.tensor([[3 + 4j, 0j]]),
        torch.tensor([[1, 2, 250]], dtype=torch.uint8),
        torch.tensor([[1.0, -2.0]], dtype=torch.bfloat16),
        torch.arange(12.0).view(3, 4).t()[1:3],
    ],
)
def test_other_dtypes_and_views(values):
    plain = values.abs() if values.is_complex() else values
    check(gathered(values), plain.double().numpy())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_figures_are_those_on_the_cpu():
    values = drawn(3, 40, 128, 128)
    values[0, 0, 0, 0] = math.nan
    here, there = gathered(values), gathered(values.cuda())
    assert (there.min, there.max, there.nan, there.dead_units) == (here.min, here.max, here.nan, here.dead_units)
    assert there.channels.largest == here.channels.largest
    assert there.std == pytest.approx(here.std, rel=0.02)
