"""The largest elements of a slice, by their places in the whole tensor."""

import pytest
import torch

from inspector.engine.values import read_values
from inspector.files import open_catalog
from inspector.files.values.report import values_report


@pytest.mark.parametrize("index", ["", "[1:3, ::2]", "[-1]", "[:, 4, 1::3]", "[2, 3, 4]"])
def test_each_is_where_it_is_said_to_be(index, tmp_path) -> None:
    tensor = torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.save({"w": tensor}, tmp_path / "c.pt")
    for report in (values_report(open_catalog(tmp_path / "c.pt"), "w", index, 4), read_values(tensor, "w", index, 4)):
        assert report.largest
        for one in report.largest:
            assert tensor[tuple(one.index)].item() == pytest.approx(one.value)
