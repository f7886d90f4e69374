"""What formulas hide, against brute force: which pixels a layer reads, and how many taps meet in an output."""

import re

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from inspector.core import geometry

pytestmark = pytest.mark.slow
sizes, kernels, strides = st.integers(1, 24), st.integers(1, 6), st.integers(1, 5)
paddings, dilations = st.integers(0, 3), st.integers(1, 3)


def numbers(notes: list[str], pattern: str) -> int:
    """The number in the first note that has the pattern; "the last row" is one row."""
    found = next((re.search(pattern, note) for note in notes if re.search(pattern, note)), None)
    return 0 if found is None else int(found[1] or 1)


@settings(max_examples=200, deadline=None)
@given(sizes, kernels, strides, paddings, dilations)
def test_pixels_that_no_window_reads(size: int, k: int, s: int, p: int, d: int) -> None:
    pixels = torch.ones(1, 1, size, requires_grad=True)
    assume(size + 2 * p >= d * (k - 1) + 1)
    output = F.conv1d(pixels, torch.ones(1, 1, k), None, s, p, d)
    output.sum().backward()
    read = [value != 0 for value in pixels.grad[0, 0].tolist()]
    last = (output.shape[-1] - 1) * s + d * (k - 1) - p
    at_end = min(size, max(0, size - 1 - last))
    (line,) = geometry.convolution([size], [k], [s], [p], [d])
    assert numbers(line.notes, r"^the last (?:(\d+) )?positions? (?:is|are) never read") == at_end
    assert numbers(line.notes, r"^(\d+) of \d+ positions? (?:is|are) never read") == read.count(False) - at_end


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 12), kernels, strides, paddings, dilations)
def test_sizes_that_become_one_and_the_output_padding_that_restores_each(
    size: int, k: int, s: int, p: int, d: int
) -> None:
    assume(s > 1)
    made = {}
    for before in range(1, 80):
        if before + 2 * p >= d * (k - 1) + 1:
            made[before] = F.conv1d(torch.ones(1, 1, before), torch.ones(1, 1, k), None, s, p, d).shape[-1]
    from_ = [before for before, after in made.items() if after == size]
    assume(from_)
    (line,) = geometry.transposed_convolution([size], [k], [s], [p], [d], [0])
    note = next((note for note in line.notes if "makes" in note), "")
    assert f"makes {size} from {from_[0]}" in note
    for extra, wanted in re.findall(r"output_padding=(\d+) (?:gives|restores) (\d+)", note):
        layer = torch.nn.ConvTranspose1d(1, 1, k, s, p, int(extra), dilation=d)
        assert layer(torch.ones(1, 1, size)).shape[-1] == int(wanted)
        assert int(wanted) in from_


def test_which_output_padding_restores_the_size() -> None:
    (line,) = geometry.transposed_convolution([7], [3], [2], [1], [1], [0])
    assert line.notes[0] == (
        "a convolution with these settings makes 7 from 13 and 14: output_padding=0 gives 13, 1 gives 14"
    )


@settings(max_examples=150, deadline=None)
@given(sizes, kernels, strides, paddings, dilations)
def test_positions_that_a_transposed_convolution_cuts_off(size: int, k: int, s: int, p: int, d: int) -> None:
    assume((size - 1) * s - 2 * p + d * (k - 1) + 1 > 0)
    given_ones = torch.ones(1, 1, size, requires_grad=True)
    F.conv_transpose1d(given_ones, torch.ones(1, 1, k), None, s, p, 0, 1, d).sum().backward()
    (line,) = geometry.transposed_convolution([size], [k], [s], [p], [d], [0])
    assert numbers(line.notes, r"^(\d+) of .* cut off by the padding$") == given_ones.grad[0, 0].tolist().count(0)


@settings(max_examples=150, deadline=None)
@given(kernels, strides, dilations)
def test_how_many_taps_of_a_transposed_convolution_meet(k: int, s: int, d: int) -> None:
    taps = F.conv_transpose1d(torch.ones(1, 1, 40), torch.ones(1, 1, k), None, s, 0, 0, 1, d)[0, 0]
    inner = {round(value) for value in taps[20 : 20 + 3 * s].tolist()}
    (line,) = geometry.transposed_convolution([40], [k], [s], [0], [d], [0])
    uneven = [note for note in line.notes if "taps" in note or "bias" in note]
    assert bool(uneven) == (len(inner) > 1)
    for note in uneven:
        if "bias" in note:
            assert 0 in inner
            assert int(note.split()[0]) == taps[20 : 20 + s].tolist().count(0)
        else:
            assert {int(number) for number in re.findall(r"\d+", note.split(" taps")[0])} == inner


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 30), st.integers(1, 8))
def test_adaptive_bins(size: int, wanted: int) -> None:
    (line,) = geometry.adaptive_pooling([size], [wanted])
    pixels = torch.eye(size).unsqueeze(0)
    bins = [[bool(value) for value in row] for row in F.adaptive_max_pool1d(pixels, wanted)[0].T.tolist()]
    equal = re.match(r"equal to a pooling of kernel (\d+), stride (\d+)", line.notes[0])
    if equal:
        same = F.max_pool1d(pixels, int(equal[1]), int(equal[2]))
        assert torch.equal(same, F.adaptive_max_pool1d(pixels, wanted))
        return
    lengths = re.findall(r"\d+", line.notes[0].split(" positions")[0])
    assert {row.count(True) for row in bins} == {int(length) for length in lengths}
    written = line.notes[1].removeprefix("they are ").split(", ")
    assert [(int(one.split("–")[0]), int(one.split("–")[-1])) for one in written] == [
        (row.index(True), size - 1 - row[::-1].index(True)) for row in bins
    ]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(4, 9), st.integers(0, 2), dilations)
def test_a_kernel_that_does_not_fit_says_which_size_would(size: int, k: int, p: int, d: int) -> None:
    (line,) = geometry.convolution([size], [k], [1], [p], [d])
    assert line.output is not None
    assume(line.output < 1)
    least = int(re.search(r"(\d+) positions? or more would fit", line.notes[-1])[1])
    assert F.conv1d(torch.ones(1, 1, least), torch.ones(1, 1, k), None, 1, p, d).numel() > 0
    assert geometry.convolution([least - 1], [k], [1], [p], [d])[0].output < 1 or least == 1


def test_uneven_padding_and_the_sides_it_goes_to() -> None:
    (line,) = geometry.convolution([10], [4], [1], [1], [1], [2])
    assert line.notes == ["padding of 3 in all: 1 before, 2 after"]


def test_a_last_window_beyond_the_end() -> None:
    (line,) = geometry.pooling([6], [3], [2], [0], None, ceil_mode=True)
    assert line.notes == ["the last window reaches 1 position beyond the input"]
    (line,) = geometry.pooling([5], [2], [3], [1], None, ceil_mode=True)
    assert "left out" in line.notes[0]
    assert line.output == torch.nn.AvgPool1d(2, 3, 1, ceil_mode=True)(torch.ones(1, 1, 5)).shape[-1]
