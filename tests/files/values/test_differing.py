"""Differences of files, held against torch's own arithmetic."""

from pathlib import Path

import pytest
import torch
from torch import nn

from inspector.core.differences import DiffReport
from inspector.core.errors import RequestCancelledError
from inspector.files import open_catalog
from inspector.files.values import comparing
from inspector.files.values.differing import diff_catalogs


def diff(tmp_path: Path, a: object, b: object) -> DiffReport:
    torch.save(a, tmp_path / "a.pt")
    torch.save(b, tmp_path / "b.pt")
    return diff_catalogs(open_catalog(tmp_path / "a.pt"), open_catalog(tmp_path / "b.pt"), lambda *told: None)


@pytest.mark.parametrize("chunk", [1 << 20, 7])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.complex64, torch.int32])
def test_figures_are_those_of_torch(
    tmp_path: Path, dtype: torch.dtype, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "CHUNK", chunk)
    one, other = ((torch.randn(6, 4) * 9).to(dtype).t() for _ in range(2))
    (changed,) = diff(tmp_path, {"x": one}, {"x": other}).changed
    wide = torch.complex128 if dtype.is_complex else torch.float64
    a, b = one.to(wide).flatten(), other.to(wide).flatten()
    assert changed.max_abs == pytest.approx(float((a - b).abs().max()), rel=1e-12)
    assert changed.relative == pytest.approx(float((a - b).norm() / a.norm()), rel=1e-12)
    cosine = torch.vdot(a, b).real / (a.norm() * b.norm())
    assert changed.cosine == pytest.approx(float(1 - cosine), rel=1e-9)


def test_structure_names_and_values(tmp_path: Path) -> None:
    a = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).state_dict()
    b = {f"module.{key}": value.clone() for key, value in a.items()}
    b["module.0.weight"] += 0.5
    b["module.2.weight"] = torch.zeros(3, 4)
    b["module.2.bias"] = a["2.bias"].double()
    b["module.3.extra"] = torch.ones(1)
    report = diff(tmp_path, a, {"epoch": 1, "state_dict": b})
    assert not report.same
    assert (report.only_a, report.only_b) == ([], ["module.3.extra"])
    assert ("0.weight", "module.0.weight") in [(one.a, one.b) for one in report.renamed]
    assert [one.key for one in report.changed] == ["2.weight", "0.weight", "2.bias"]
    assert report.changed[0].max_abs is None
    assert (report.changed[2].dtype_b, report.changed[2].max_abs) == ("float64", 0)
    assert report.unchanged == len(a) - 3


def test_equal_files_are_the_same(tmp_path: Path) -> None:
    state = {"w": torch.tensor([1.0, float("nan"), float("inf")]), "n": torch.arange(3)}
    report = diff(tmp_path, state, {key: value.clone() for key, value in state.items()})
    assert (report.same, report.unchanged, report.changed) == (True, 2, [])


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    one = torch.tensor([1.0, float("nan"), 2.0, float("inf")])
    other = torch.tensor([1.5, 1.0, float("nan"), float("inf")])
    (changed,) = diff(tmp_path, {"x": one}, {"x": other}).changed
    assert (changed.max_abs, changed.not_finite) == (0.5, 2)


def test_values_that_cannot_be_read_are_neither_changed_nor_the_same(tmp_path: Path) -> None:
    state = {"x": torch.empty(3, device="meta"), "y": torch.ones(2)}
    report = diff(tmp_path, state, state)
    assert (report.same, report.changed, report.unchanged) == (False, [], 1)
    assert len(report.not_compared) == 1


def test_it_is_cancelled_where_it_says_how_far_it_is(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(3)}, tmp_path / "a.pt")
    catalog = open_catalog(tmp_path / "a.pt")

    def stop(done: int, total: int | None, text: str) -> None:
        raise RequestCancelledError(text)

    with pytest.raises(RequestCancelledError, match="comparing x"):
        diff_catalogs(catalog, catalog, stop)
