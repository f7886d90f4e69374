"""Pictures of values against a walk through every cell by itself; how little of a large file they read."""

import json
import math
import struct
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.core.value_pictures import PictureSettings
from inspector.files import open_catalog
from inspector.files.values import pictures
from inspector.files.values.pictures import picture_of_array
from inspector.files.values.report import values_picture

RANDOM = np.random.default_rng(0)
CUBE = RANDOM.normal(size=(3, 10, 11))


def heat_map(array, index="", block=(1, 1), number=0):
    return picture_of_array(array, PictureSettings(key="t", index=index, block=block, first=(number, 0)), "any")


def kernels(array, index="", **more):
    return picture_of_array(array, PictureSettings(key="t", index=index, kind="kernels", **more), "any")


def furthest(block):
    values = [abs(complex(value)) if np.iscomplexobj(block) else float(value) for value in block.reshape(-1)]
    if not all(map(math.isfinite, values)):
        return None
    return max(values, key=lambda value: (abs(value), value))


def by_hand(plane, block):
    rows, columns = block
    return [
        [furthest(plane[top : top + rows, left : left + columns]) for left in range(0, plane.shape[1], columns)]
        for top in range(0, plane.shape[0], rows)
    ]


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 17)),
    block=st.tuples(st.integers(1, 7), st.integers(1, 20)),
    order=st.permutations([0, 1, 2]),
    flipped=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_cell_is_the_value_furthest_from_zero(shape, block, order, flipped, seed):
    """Also where the axes do not lie in memory in their order, or backwards, or with gaps."""
    random = np.random.default_rng(seed)
    array = random.normal(size=[2 * size for size in shape])[::2, ::2, ::2].transpose(order)
    if flipped:
        array = array[::-1, :, ::-1]
    drawn = heat_map(array, "", block, len(array) - 1)
    assert drawn.cells == [[by_hand(array[-1], block)]]
    assert (drawn.low, drawn.high) == (array[-1].min(), array[-1].max())
    assert drawn.step == (1, 1)


@pytest.mark.parametrize(
    ("index", "plane"),
    [
        ("", CUBE[0]),
        ("2", CUBE[2]),
        ("[:, 4]", CUBE[:, 4]),
        ("[..., 3]", CUBE[..., 3]),
        ("1, 2:9:3, 1:8:2", CUBE[1, 2:9:3, 1:8:2]),
        ("[1, 2]", CUBE[1, 2][None]),
        ("[:, 3, 5]", CUBE[:, 3, 5][None]),
        ("[1:, 3:5, -1:]", CUBE[1, 3:5, -1:]),
    ],
)
def test_a_heat_map_is_of_the_last_two_axes_left_open(index, plane):
    assert heat_map(CUBE, index, (2, 3)).cells == [[by_hand(plane, (2, 3))]]


def test_the_planes_of_the_other_axes_are_counted_through():
    array = RANDOM.normal(size=(2, 3, 4, 5))
    for number in range(6):
        assert heat_map(array, number=number).cells == [[array.reshape(6, 4, 5)[number].tolist()]]
    assert heat_map(array, "[:, ::2]", number=3).cells == [[array[1, 2].tolist()]]


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (9,)])
def test_single_rows_and_columns(shape):
    array = RANDOM.normal(size=shape)
    assert heat_map(array, block=(4, 4)).cells == [[by_hand(np.atleast_2d(array), (4, 4))]]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 5)])
def test_no_elements_give_no_cells(shape):
    drawn = heat_map(np.zeros(shape))
    assert (drawn.cells, drawn.low, drawn.high) == ([], None, None)


@pytest.mark.parametrize(
    "dtype",
    [
        np.float64, np.float16, np.int8, np.uint8, np.int64, np.uint64, np.bool_, np.complex64, ">f4", ">i2", ">u8",
        ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu,
    ],
    ids=str,
)  # fmt: skip
def test_every_dtype(dtype):
    values = RANDOM.normal(scale=50, size=(7, 9))
    without_sign = np.dtype(dtype).kind == "u" or dtype is ml_dtypes.float8_e8m0fnu
    array = (np.abs(values) if without_sign else values).astype(dtype)
    if np.dtype(dtype).kind == "c":
        array = array * (1 + 1j)
    drawn = np.array(heat_map(array, block=(3, 2)).cells)
    # Only the absolute value of a complex number is rounded.
    np.testing.assert_allclose(drawn[0, 0], by_hand(array, (3, 2)), rtol=1e-15 if array.dtype.kind == "c" else 0)


def test_large_unsigned_numbers_stay_positive():
    assert heat_map(np.array([2**64 - 1, 1], np.uint64)).cells == [[[[float(2**64 - 1), 1.0]]]]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_one_element_that_is_not_finite_marks_its_cell_and_leaves_the_range_alone(broken):
    array = RANDOM.normal(size=(8, 8))
    array[5, 2] = broken
    drawn = heat_map(array, block=(4, 4))
    assert drawn.cells == [[by_hand(array, (4, 4))]]
    assert drawn.cells[0][0][1][0] is None
    finite = array[np.isfinite(array)]
    assert (drawn.low, drawn.high) == (finite.min(), finite.max())
    nothing = heat_map(np.full((2, 2), broken))
    assert (nothing.cells, nothing.low, nothing.high) == ([[[[None, None], [None, None]]]], None, None)


@pytest.mark.parametrize(
    ("shape", "planes"),
    [((6, 3, 5, 4), lambda a: a), ((6, 3, 5), lambda a: a[:, :, None]), ((4, 2, 3, 5, 4), lambda a: a)],
)
def test_kernels_have_output_channels_down_and_input_channels_across(shape, planes):
    """Those along three axes are shown slice by slice, beside each other."""
    array = RANDOM.normal(size=shape)
    gallery = planes(array)
    gallery = gallery.reshape(len(gallery), -1, *gallery.shape[-2:])
    everything = kernels(array, planes=(99, 99))
    assert np.array_equal(np.array(everything.cells), gallery)
    assert (everything.low, everything.high) == (array.min(), array.max())
    some = kernels(array, first=(1, 2), planes=(2, 1))
    assert np.array_equal(np.array(some.cells), gallery[1:3, 2:3])
    assert (some.low, some.high) == (gallery[1:3, 2:3].min(), gallery[1:3, 2:3].max())


def test_an_index_chooses_among_kernels_and_keeps_their_axes():
    array = RANDOM.normal(size=(6, 4, 5, 5))
    assert np.array_equal(np.array(kernels(array, "[3, 1::2]", planes=(9, 9)).cells), array[3:4, 1::2])
    assert np.array_equal(np.array(kernels(array, "2:, :, 1", planes=(9, 9)).cells), array[2:, :, 1:2])


@pytest.mark.parametrize(
    ("shape", "index", "kind", "words"),
    [
        ((3,), "", "kernels", "1 axis; kernels have 3, 4 or 5"),
        ((3, 4), "", "kernels", "2 axes"),
        ((), "", "heat map", "single element"),
        ((3, 4), "[1, 2]", "heat map", "single element"),
        ((3, 4), "[7]", "heat map", "7 is outside axis 0"),
    ],
)
def test_what_has_no_picture_is_refused(shape, index, kind, words):
    with pytest.raises(RequestError, match=words):
        picture_of_array(np.zeros(shape), PictureSettings(key="t", index=index, kind=kind), "float32")


def test_more_cells_than_a_screen_holds_are_refused():
    with pytest.raises(RequestError, match="larger blocks"):
        heat_map(np.zeros((300, 300)))


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    block=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    most=st.integers(1, 900),
)
def test_a_sample_has_of_every_cell_each_so_many_th_row_and_column(shape, block, most):
    array = np.random.default_rng(1).normal(size=shape)
    rows, columns = block
    cells = math.ceil(shape[0] / rows) * math.ceil(shape[1] / columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "MOST_ELEMENTS", most)
        drawn = heat_map(array, block=block)
    down, across = drawn.step
    expected = [
        [
            furthest(array[top : top + rows : down, left : left + columns : across])
            for left in range(0, shape[1], columns)
        ]
        for top in range(0, shape[0], rows)
    ]
    assert drawn.cells == [[expected]]
    looked_at = sum(len(range(0, min(rows, shape[0] - top), down)) for top in range(0, shape[0], rows)) * sum(
        len(range(0, min(columns, shape[1] - left), across)) for left in range(0, shape[1], columns)
    )
    assert looked_at <= max(2 * most, 4 * cells)


@pytest.mark.parametrize("kind", ["zip", "legacy", "npy"])
def test_files_give_what_numpy_reads_of_them(tmp_path: Path, kind: str) -> None:
    base = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(3))
    path = tmp_path / f"weights.{kind}"
    if kind == "npy":
        np.save(path, base.numpy().astype(">f4"))
    else:
        torch.save({"t": base.permute(1, 0, 3, 2)}, path, _use_new_zipfile_serialization=kind == "zip")
        base = base.permute(1, 0, 3, 2)
    catalog = open_catalog(path)
    key = catalog.tensors[0].key
    drawn = values_picture(catalog, PictureSettings(key=key, kind="kernels", planes=(9, 9)))
    assert np.array_equal(np.array(drawn.cells), base.numpy())
    drawn = values_picture(catalog, PictureSettings(key=key, index="[:, :, 2, 3]", block=(2, 2)))
    assert drawn.cells == [[by_hand(base[:, :, 2, 3].numpy(), (2, 2))]]


READ = """
import re, sys, time
from inspector.core.value_pictures import PictureSettings
from inspector.files import open_catalog
from inspector.files.values import report
catalog = open_catalog(sys.argv[1])
for settings in (
    PictureSettings(key="matrix", block=(700, 700)),
    PictureSettings(key="layers", index="[:, :, 7]", block=(16, 16)),
    PictureSettings(key="kernels", kind="kernels", planes=(20, 20)),
):
    start = time.monotonic()
    report.values_picture(catalog, settings)
    seconds = time.monotonic() - start
    print(seconds, re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")
def test_of_a_tensor_of_ten_gigabytes_little_is_read(tmp_path: Path) -> None:
    """Memory counts every page of the file that was touched."""
    shapes = {"matrix": [50_000, 50_000], "layers": [1024, 512, 5120], "kernels": [4096, 4096, 7, 7]}
    header, end = {}, 0
    for key, shape in shapes.items():
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * math.prod(shape)]}
        end += 4 * math.prod(shape)
    text = json.dumps(header).encode()
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream.truncate(8 + len(text) + end)
    told = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=120, check=True)
    for line in told.stdout.splitlines():
        seconds, kilobytes = map(float, line.split())
        assert seconds < 10
        assert kilobytes < 400_000
