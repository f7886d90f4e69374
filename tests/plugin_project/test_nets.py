"""What a user's own tests look like; they are run by tests/api/test_pytest_plugin.py."""

import os

import pytest
import torch
from nets import small

from inspector.testing import assert_healthy, assert_loads

WIDTH = int(os.environ.get("WIDTH", "4"))


def test_small(model_snapshot):
    model_snapshot(small(WIDTH), torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize("width", [2, 3])
def test_widths(model_snapshot, width):
    model_snapshot(small(width), "1x1x8x8")
    model_snapshot(small(width).train(), "2x1x8x8", name="two")


class TestGrouped:
    def test_small(self, model_snapshot):
        model_snapshot(small(5), "1x1x8x8")


def test_loads(tmp_path):
    torch.save(small().state_dict(), tmp_path / "w.pt")
    assert_loads(small(), tmp_path / "w.pt")


def test_healthy():
    assert_healthy(small(), ignore=["NN4"])
