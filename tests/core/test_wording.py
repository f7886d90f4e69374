"""Numbers as people read them: SI and IEC prefixes, three significant digits, and what is unknown."""

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core import wording
from inspector.core.results import RowRun, Statistics
from inspector.core.table import ReceptiveField, Source


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (850, "850"),
        (999, "999"),
        (1000, "1.00 k"),
        (62006, "62.0 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (11_689_512, "11.7 M"),
        (175 * 10**9, "175 G"),
        (None, "?"),
    ],
)
def test_counts(value, text):
    assert wording.count(value) == text


@given(st.integers(0, 10**17))
def test_a_count_is_within_half_a_unit_of_its_last_digit(value):
    text, _, unit = wording.count(value).partition(" ")
    factor = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}[unit]
    digits = len(text.partition(".")[2])
    assert abs(float(text) * factor - value) <= factor * 10**-digits / 2 * (1 + 1e-9)
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (248 * 1024, "248 KiB"), (4 << 30, "4.00 GiB"), (None, "?")],
)
def test_sizes_in_bytes(value, text):
    assert wording.size_in_bytes(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (3.2e-4, "320 µs"),
        (1.24e-3, "1.24 ms"),
        (0.0697, "69.7 ms"),
        (0.9999, "1.00 s"),
        (2.1, "2.10 s"),
        (200, "3 min 20 s"),
        (119.7, "2 min 0 s"),
    ],
)
def test_durations(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.25, "25 %"), (0.1234, "12.3 %"), (1e-9, "<0.1 %"), (0.99999, ">99.9 %"), (None, "?")],
)
def test_a_share_is_0_or_100_only_when_it_is(share, text):
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.012343, "−0.01234"),
        (1.5e20, "1.5e+20"),
        (-2e-9, "−2e-09"),
        (math.nan, "NaN"),
        (-math.inf, "−inf"),
        (0.0, "0"),
    ],
)
def test_numbers(value, text):
    assert wording.number(value) == text


def test_shapes():
    assert wording.shape([1, 6, 28, 28]) == "1×6×28×28"
    assert wording.shape([]) == "scalar"
    assert wording.shape(None) == "?"
    assert wording.shapes([[2, 3], []]) == "2×3, scalar"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (None, ""),
        (ReceptiveField(status="unknown", via="fft"), "?"),
        (ReceptiveField(status="whole_input", size=[32, 32], stride=[0, 0], start=[0, 0]), "whole input"),
        (ReceptiveField(status="exact", size=[5, 5], stride=[1, 1], start=[0, 0]), "5×5 /1"),
        (ReceptiveField(status="exact", size=[5, 3], stride=[2, 0.5], start=[0, 0]), "5×3 /2×0.5"),
        (ReceptiveField(status="upper_bound", size=[9], stride=[2], start=[-1]), "≤ 9 /2"),
        (ReceptiveField(status="upper_bound", size=[9], stride=[0], start=[0], local_size=[3], wraps=True), "3, wraps"),
    ],
)
def test_receptive_fields_in_a_cell(field, text):
    assert wording.receptive_field(field) == text


@given(st.integers(1, 9), st.integers(1, 8), st.integers(-9, 9), st.integers(0, 20))
def test_the_sentence_of_an_exact_field_names_the_pixels_of_the_definition(size, stride, start, unit):
    field = ReceptiveField(status="exact", size=[size], stride=[stride], start=[start])
    line = wording.receptive_field_sentence(field).splitlines()[1]
    first, last = line.removeprefix("L: unit u sees pixels ").split(" … ")
    python = [text.replace("−", "-").replace("·", "*") for text in (first, last)]
    assert [eval(text, {"u": unit}) for text in python] == [start + unit * stride, start + unit * stride + size - 1]


def test_branches_out_of_step_have_a_line_of_their_own():
    field = ReceptiveField(status="exact", size=[4], stride=[1], start=[0], misaligned="branches meet in head")
    assert wording.receptive_field_sentence(field).splitlines()[-1] == "branches meet in head"


def test_padding_that_wraps_is_named():
    field = ReceptiveField(
        status="upper_bound", via="stem", size=[9], stride=[0], start=[0], local_size=[3], wraps=True
    )
    sentence = wording.receptive_field_sentence(field)
    assert sentence == (
        "one unit sees 3 input pixels; near the border more, from both ends, since the padding of stem wraps round"
    )


def test_an_unknown_field_names_the_operation():
    assert "fft_fft" in wording.receptive_field_sentence(ReceptiveField(status="unknown", via="fft_fft"))


@given(st.text())
def test_printable_text_stays_and_nothing_else_reaches_the_terminal(text):
    shown = wording.printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_control_characters_are_spelled_out():
    assert wording.printable("a\nb\x1b[31m\u202ec\ud800") == "a\\nb\\x1b[31m\\u202ec\\ud800"


def test_a_source_below_the_current_folder_is_told_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = Source(file=str(tmp_path / "models" / "net.py"), line=12, text="")
    assert wording.source_place(inside) == os.path.join("models", "net.py:12")
    assert wording.source_place(Source(file="/elsewhere/net.py", line=3, text="")) == "/elsewhere/net.py:3"


def test_samples_are_told_by_their_sizes():
    def run(sample):
        return RowRun(statistics=Statistics(mean=0, std=1, min=-1, max=1, zeros=0, sample=sample))

    assert wording.sampled([run(None), RowRun()]) == ""
    assert wording.sampled([run(None), run(32_752)]) == (
        "mean, std and zeros of 1 row are those of 32,752 elements spread evenly"
    )
    assert "of 2 rows are those of 32,752 to 32,768 elements" in wording.sampled([run(32_768), run(32_752)])
