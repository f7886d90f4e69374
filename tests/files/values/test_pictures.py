"""Pictures of values against numpy going through every cell by itself; how much of a file they read."""

import math
import resource
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
from inspector.core.value_pictures import PictureSettings, planes_of
from inspector.engine.values import read_picture
from inspector.files import open_catalog
from inspector.files.values.pictures import picture_of_array
from inspector.files.values.report import values_picture

RANDOM = np.random.default_rng(0)


def heat_map(array, index="", block=(1, 1), number=0):
    return picture_of_array(array, PictureSettings(key="t", index=index, block=block, first=(number, 0)), "float32")


def furthest(block):
    values = [float(abs(value) if np.iscomplexobj(block) else value) for value in block.reshape(-1)]
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
        ("", np.s_[0]),
        ("2", np.s_[2]),
        ("[:, 4]", np.s_[:, 4]),
        ("[..., 3]", np.s_[..., 3]),
        ("1, 2:9:3, 1:8:2", np.s_[1, 2:9:3, 1:8:2]),
        ("[1, 2]", np.s_[1, 2][None]),
        ("[:, 3, 5]", np.s_[:, 3, 5][None] if False else (slice(None), 3, 5)),
    ],
)
def test_a_heat_map_is_of_the_last_two_axes_left_open(index, plane):
    array = RANDOM.normal(size=(3, 10, 11))
    expected = np.atleast_2d(array[plane])
    assert heat_map(array, index, (2, 3)).cells == [[by_hand(expected, (2, 3))]]
