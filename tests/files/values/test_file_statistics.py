"""Statistics read from files equal those of the engine, which are held against torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.errors import RequestError
from inspector.engine import statistics as engine
from inspector.files import open_catalog
from inspector.files.values import statistics as files
from inspector.files.values.report import values_report

TENSORS = {
    "normal": torch.randn(7, 5, 3),
    "transposed": torch.randn(40, 30).t(),
    "strided": torch.randn(50, 40)[::3, 1::2],
    "expanded": torch.randn(1, 9).expand(6, 9),
    "half": torch.randn(100).half(),
    "brain": torch.randn(100).bfloat16(),
    "eighth": torch.randn(100).to(torch.float8_e4m3fn),
    "integers": torch.randint(-5, 5, (33,)),
    "bytes": torch.randint(0, 255, (33,), dtype=torch.uint8),
    "truth": torch.rand(33) > 0.5,
    "complex": torch.randn(12, dtype=torch.complex64),
    "one value": torch.full((4, 4), 2.5),
    "scalar": torch.tensor(-3.0),
    "not finite": torch.tensor([1.0, float("nan"), -2.0, float("inf"), float("-inf"), 0.0]),
    "nothing finite": torch.tensor([float("nan")] * 3),
    "huge": torch.tensor([1e200, -1e200, 3.0], dtype=torch.float64),
    "tiny": torch.tensor([1e-200, -1e-200], dtype=torch.float64),
    "empty": torch.empty(0, 3),
}


@pytest.mark.parametrize("key", TENSORS)
def test_a_file_tells_what_the_engine_tells(tmp_path: Path, key: str) -> None:
    tensor = TENSORS[key]
    torch.save({"x": tensor}, tmp_path / "x.pt")
    report = values_report(open_catalog(tmp_path / "x.pt"), "x", "", 8)
    if tensor.is_complex():
        # torch takes the absolute values in single precision.
        tensor = tensor.to(torch.complex128)
    expected = engine.statistics(tensor)
    told, known = report.statistics.histogram, expected.histogram
    assert (told and told.counts) == (known and known.counts)
    if told and known:
        assert told.edges == pytest.approx(known.edges, rel=1e-12)
    for name in ("mean", "std", "min", "max", "zeros", "nan", "inf"):
        assert getattr(report.statistics, name) == pytest.approx(getattr(expected, name), rel=1e-12, abs=1e-300), name
    norms = engine.norms(tensor)
    assert (report.norms is None) == (norms is None)
    if report.norms and norms:
        assert (report.norms.one, report.norms.two) == pytest.approx((norms.one, norms.two), rel=1e-12, abs=0)
        assert report.norms.infinity == pytest.approx(norms.infinity, rel=1e-12)
    largest = engine.largest(tensor, 8)
    assert [one.index for one in report.largest] == [one.index for one in largest]
    assert [one.value for one in report.largest] == pytest.approx([one.value for one in largest], rel=1e-12)


def test_norms_are_those_of_torch() -> None:
    tensor = torch.randn(1000, dtype=torch.float64)
    norms = files.norms(tensor.numpy())
    assert norms is not None
    for found, order in ((norms.one, 1), (norms.two, 2), (norms.infinity, float("inf"))):
        assert found == pytest.approx(float(torch.linalg.vector_norm(tensor, order)), rel=1e-12)


def test_the_largest_elements_are_those_that_sorting_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 7)
    monkeypatch.setattr(engine, "CHUNK", 7)
    values = torch.randint(-9, 9, (5, 8)).double()
    order = sorted(range(40), key=lambda at: (-abs(float(values.flatten()[at])), at))[:6]
    expected = [([at // 8, at % 8], float(values.flatten()[at])) for at in order]
    for found in (files.largest(values.numpy(), 6), engine.largest(values, 6)):
        assert [(one.index, one.value) for one in found] == expected
    turned = files.largest(np.asfortranarray(values.numpy()), 6)
    assert [(one.index, one.value) for one in turned] == expected


@given(st.lists(st.integers(0, 4), min_size=3, max_size=3), st.permutations(range(3)))
def test_chunks_hold_every_element_once(shape: list[int], axes: list[int]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).transpose(axes)[::-1]
    together = np.concatenate([chunk.reshape(-1) for chunk in files.chunks(array)] or [np.empty(0, int)])
    assert sorted(together.tolist()) == list(range(array.size))


def test_a_slice_is_told_with_its_place(tmp_path: Path) -> None:
    tensor = torch.arange(120.0).reshape(4, 5, 6)
    torch.save({"net": {"x": tensor}}, tmp_path / "x.pt")
    report = values_report(open_catalog(tmp_path / "x.pt"), "net.x", "[1, 2:4]", 3)
    assert report.shape == [2, 6]
    assert report.rows == tensor[1, 2:4, :3].tolist()
    assert (report.row_offset, report.column_offset) == (2, 0)
    assert report.largest[0].index == [1, 3, 5]
    with pytest.raises(RequestError, match="outside axis 0"):
        values_report(open_catalog(tmp_path / "x.pt"), "net.x", "[9]", 3)
    with pytest.raises(RequestError, match="no tensor"):
        values_report(open_catalog(tmp_path / "x.pt"), "y", "", 3)


def test_sums_that_overflow_are_not_known() -> None:
    values = torch.full((4,), 1.5e308, dtype=torch.float64)
    for found in (files.statistics(values.numpy()), engine.statistics(values)):
        assert (found.mean, found.std, found.max) == (None, None, 1.5e308)
