"""Differences of files, held against torch's own arithmetic."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from inspector.core.differences import Aligned, DiffReport
from inspector.core.errors import RequestCancelledError, RequestError
from inspector.files import open_catalog
from inspector.files.matching import Entry, align
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
    assert [one.keys_a[0] for one in report.changed] == ["2.weight", "0.weight", "2.bias"]
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
        if text != "aligning keys":
            raise RequestCancelledError(text)

    with pytest.raises(RequestCancelledError, match="comparing x"):
        diff_catalogs(catalog, catalog, stop)


def by_keys(report: DiffReport) -> dict[tuple[str, str], Aligned]:
    return {("+".join(row.keys_a), "+".join(row.keys_b)): row for row in report.rows}


def test_query_key_and_value_beside_one_tensor_are_one_row_with_the_figures_of_all(tmp_path: Path) -> None:
    attention = nn.MultiheadAttention(8, 2)
    fused = {f"attn.{key}": value.detach() for key, value in attention.state_dict().items()}
    other = attention.in_proj_weight.detach() + torch.linspace(0, 1, 24)[:, None]
    apart = {f"attn.{name}_proj.weight": part.clone() for name, part in zip("qkv", other.chunk(3), strict=True)}
    apart |= {
        f"attn.{name}_proj.bias": part.clone()
        for name, part in zip("qkv", fused["attn.in_proj_bias"].chunk(3), strict=True)
    }
    apart |= {key: value for key, value in fused.items() if "out_proj" in key}
    report = diff(tmp_path, apart, fused)
    rows = by_keys(report)
    weight = rows["attn.q_proj.weight+attn.k_proj.weight+attn.v_proj.weight", "attn.in_proj_weight"]
    assert (weight.shape_a, weight.shape_b, weight.state) == ([24, 8], [24, 8], "changed")
    a, b = other.double(), attention.in_proj_weight.detach().double()
    assert weight.max_abs == pytest.approx(float((a - b).abs().max()), rel=1e-12)
    assert weight.relative == pytest.approx(float((a - b).norm() / a.norm()), rel=1e-12)
    assert rows["attn.q_proj.bias+attn.k_proj.bias+attn.v_proj.bias", "attn.in_proj_bias"].state == "renamed"
    assert {rule.kind for rule in report.rules} == {"qkv_join"}
    turned = diff(tmp_path, fused, apart)
    assert {("+".join(row.keys_b), "+".join(row.keys_a)): row.max_abs for row in turned.rows} == {
        keys: row.max_abs for keys, row in rows.items()
    }
    assert {rule.kind for rule in turned.rules} == {"qkv_split"}


@pytest.mark.parametrize(
    ("torch_shape", "axes"), [((8, 4), (1, 0)), ((16, 8, 3, 3), (2, 3, 1, 0)), ((8, 8, 3, 3), (2, 3, 1, 0))]
)
def test_another_layout_is_compared_in_one_layout(
    tmp_path: Path, torch_shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    weight = torch.randn(torch_shape)
    turned = weight.permute(axes).contiguous()
    for a, b in ((weight, turned), (turned, weight)):
        report = diff(tmp_path, {"layer.weight": a}, {"layer.weight": b})
        (row,) = report.rows
        assert (row.equal, row.max_abs, row.state) == (True, 0, "renamed")
        assert not report.same
        assert (report.changed, report.unchanged) == ([], 1)


def test_a_second_name_of_the_same_memory_stands_beside_the_one_that_was_kept(tmp_path: Path) -> None:
    table = torch.randn(50, 8)
    body = {"body.weight": torch.randn(8, 8)}
    twice = {"embed.weight": table, **body, "head.weight": table}
    report = diff(tmp_path, twice, {"embed.weight": table.clone(), **body})
    assert (report.only_a, report.only_b) == ([], [])
    assert by_keys(report)["head.weight", "embed.weight"].equal
    assert [(rule.kind, rule.from_, rule.to) for rule in report.rules] == [("tied", "head.weight", "embed.weight")]


def test_like_is_compared_with_like(tmp_path: Path) -> None:
    state = {"w": torch.ones(3, 3), "b": torch.ones(3)}
    a = {"model": state, "ema": {key: value * 2 for key, value in state.items()}}
    b = {"ema": {key: value * 2 for key, value in state.items()}, "model": {**state, "w": torch.zeros(3, 3)}}
    report = diff(tmp_path, a, b)
    assert [row.keys_a for row in report.changed] == [["model.w"]]
    assert (report.unchanged, report.renamed) == (3, [])
    assert "like with like" in report.notes[0]


def test_a_model_is_never_compared_with_an_optimizers_state(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 6)).sum().backward()
    optimizer.step()
    training = {"model": model.state_dict(), "ema": {k: v + 1 for k, v in model.state_dict().items()}}
    training["optimizer"] = optimizer.state_dict()
    report = diff(tmp_path, training, {f"module.{key}": value for key, value in model.state_dict().items()})
    assert (report.unchanged, report.changed, report.only_a, report.only_b) == (4, [], [], [])
    assert report.container_a == "model"
    (note,) = report.notes
    assert "compared model of A with the top of B" in note
    assert "ema (an average), optimizer (an optimizer's state) of A" in note
    with pytest.raises(RequestError, match="only an optimizer's state"):
        diff(tmp_path, {"optimizer": optimizer.state_dict()}, model.state_dict())


def test_another_architecture_is_said_to_be_and_no_values_are_read(tmp_path: Path) -> None:
    a = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 10), nn.Linear(10, 3)).state_dict()
    b = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 32, 3)).state_dict()
    report = diff(tmp_path, a, b)
    assert report.verdict.startswith("these are two architectures")
    assert all(row.equal is None for row in report.rows)
    assert not report.same


def test_pairs_that_are_a_guess_are_compared_and_said_to_be(tmp_path: Path) -> None:
    a = {"stem.weight": torch.randn(9, 7), "left.weight": torch.randn(64, 32), "right.weight": torch.randn(64, 32)}
    b = {"stem.weight": a["stem.weight"], "one.weight": a["left.weight"], "two.weight": a["right.weight"] + 1}
    report = diff(tmp_path, a, b)
    row = by_keys(report)["right.weight", "two.weight"]
    assert (row.ambiguous, row.max_abs) == (True, pytest.approx(1))
    assert {key for one in report.ambiguous for key in one.model} == {"left.weight", "right.weight"}


def test_rows_stand_in_the_order_of_the_first_with_the_others_own_where_they_are_there(tmp_path: Path) -> None:
    a = {"x": torch.ones(1), "gone": torch.ones(2, 5), "y": torch.ones(2)}
    b = {"new": torch.ones(3, 4), "y": torch.ones(2), "x": torch.ones(1), "after.x": torch.ones(7)}
    rows = diff(tmp_path, a, b).rows
    assert [(*row.keys_a, *row.keys_b) for row in rows] == [("new",), ("x", "x"), ("after.x",), ("gone",), ("y", "y")]


WORDS = st.sampled_from(["a", "b", "0", "1", "q_proj", "k_proj", "v_proj", "in_proj", "module", "weight", "bias"])
STATES = st.dictionaries(
    st.lists(WORDS, min_size=1, max_size=3).map(".".join),
    st.lists(st.sampled_from([1, 2, 3, 6]), max_size=3),
    max_size=8,
)


@pytest.mark.slow
@given(STATES, STATES, st.integers(0, 99))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exchanged_the_two_tell_the_same(
    tmp_path: Path, shapes_a: dict[str, list[int]], shapes_b: dict[str, list[int]], seed: int
) -> None:
    torch.manual_seed(seed)
    a, b = ({key: torch.randn(shape) for key, shape in shapes.items()} for shapes in (shapes_a, shapes_b))
    if not a or not b:
        return
    one, turned = diff(tmp_path, a, b), diff(tmp_path, b, a)
    assert {
        (*row.keys_a, "|", *row.keys_b): (row.max_abs, row.equal, row.ambiguous, row.shape_a, row.shape_b)
        for row in one.rows
    } == {
        (*row.keys_b, "|", *row.keys_a): (row.max_abs, row.equal, row.ambiguous, row.shape_b, row.shape_a)
        for row in turned.rows
    }
    assert (one.only_a, sorted(one.only_b)) == (turned.only_b, sorted(turned.only_a)) or one.verdict
    for row in one.rows:
        if row.keys_a == row.keys_b and row.shape_a == row.shape_b and row.equal is not None:
            gap = (a[row.keys_a[0]].double() - b[row.keys_b[0]].double()).abs()
            assert row.max_abs == pytest.approx(float(gap.max()), rel=1e-12)


SPARSE = """
import json, struct, sys
from resource import RUSAGE_SELF, getrusage
from inspector.files import open_catalog
from inspector.files.values.differing import diff_catalogs
folder, size, count = sys.argv[1], 16 << 20, 12
for name, front in (("a", ""), ("b", "module.")):
    head = {f"{front}layers.{at}.weight": {"dtype": "F32", "shape": [size // 4096, 1024],
            "data_offsets": [at * size, (at + 1) * size]} for at in range(count)}
    raw = json.dumps(head).encode()
    with open(f"{folder}/{name}.safetensors", "wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        stream.truncate(8 + len(raw) + count * size)
before = getrusage(RUSAGE_SELF).ru_maxrss
files = (open_catalog(f"{folder}/{name}.safetensors") for name in "ab")
report = diff_catalogs(*files, lambda *told: None)
print(report.unchanged, (getrusage(RUSAGE_SELF).ru_maxrss - before) * 1024 // size)
"""


@pytest.mark.slow
def test_memory_stays_at_two_tensors_and_the_chunks_of_them_at_hand(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SPARSE, str(tmp_path)], capture_output=True, text=True, check=True)
    unchanged, tensors = map(int, done.stdout.split())
    assert unchanged == 12
    # Two tensors of 16 MiB mapped, and beside them chunks of a million elements in float64.
    assert tensors <= 2 + 4


def test_a_hundred_thousand_keys_that_are_the_same_are_aligned_at_once() -> None:
    entries = [Entry(key=f"layers.{at}.weight", shape=(4, 4), dtype="float32") for at in range(100_000)]
    before = time.perf_counter()
    assert len(align(entries, entries).matches) == 100_000
    assert time.perf_counter() - before < 20
