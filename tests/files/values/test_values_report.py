"""What the numbers told of a tensor's values are, where they are not the values themselves."""

from pathlib import Path

import pytest
import torch

from inspector.engine.values import read_values
from inspector.files import open_catalog
from inspector.files.values.report import values_report


@pytest.mark.parametrize("zero_point", [3, -3])
def test_stored_integers_come_with_what_they_stand_for(tmp_path: Path, zero_point: int) -> None:
    whole = torch.quantize_per_tensor(torch.linspace(-1, 1, 7), 0.25, zero_point, torch.qint8)
    rows = torch.quantize_per_channel(
        torch.rand(2, 3), torch.tensor([0.1, 0.2]), torch.zeros(2, dtype=torch.int64), 0, torch.qint8
    )
    torch.save({"whole": whole, "rows": rows, "plain": torch.arange(3)}, tmp_path / "q.pt")
    catalog = open_catalog(tmp_path / "q.pt")
    report = values_report(catalog, "whole", "", 8)
    formula = report.numbers_are.rpartition(" a value is ")[2]
    (shown,) = report.rows
    values = [eval(formula.replace("·", "*").replace("−", "-"), {"q": q}) for q in shown]
    assert values == whole.dequantize().tolist()
    assert "for each index of axis 0" in values_report(catalog, "rows", "", 8).numbers_are
    assert values_report(catalog, "plain", "", 8).numbers_are == ""
    assert "stand for" in read_values(whole, "whole", "", 8).numbers_are


def test_numbers_of_complex_tensors_are_called_absolute_values(tmp_path: Path) -> None:
    values = torch.complex(torch.tensor([3.0, 5.0]), torch.tensor([4.0, 12.0]))
    torch.save({"z": values}, tmp_path / "z.pt")
    for report in (values_report(open_catalog(tmp_path / "z.pt"), "z", "", 8), read_values(values, "z", "", 8)):
        assert report.rows == [[5.0, 13.0]]
        assert "|z|" in report.numbers_are
