"""Findings are counted at the row they are about and at all that hold it."""

from typing import Any

from inspector.core.finding_places import FindingPlaces
from inspector.core.findings import CheckReport, Finding, Severity
from inspector.core.table import ModelInfo, ModelTable, Row

PATHS = ["", "body", "body.0", "body.1", "head"]
PARENTS = [None, 0, 1, 1, 0]


def table(framework: Any = "torch") -> ModelTable:
    rows = [
        Row(index=at, parent=parent, kind="module", path=path, type="M", depth=path.count("."))
        for at, (path, parent) in enumerate(zip(PATHS, PARENTS, strict=True))
    ]
    call = Row(index=5, parent=1, kind="function", path="body", type="relu", depth=2)
    again = Row(index=6, parent=0, kind="module", path="body", type="M", depth=1, call=1)
    return ModelTable(model=ModelInfo(name="m", framework=framework, target="m.py"), rows=[*rows, call, again])


def finding(path: str, severity: Severity = "error") -> Finding:
    return Finding(
        rule="NN990", name="odd", severity=severity, path=path, message="", evidence="", fix="", may_be_wrong=""
    )


def test_a_finding_is_at_its_module_or_the_one_that_holds_its_tensor() -> None:
    row_of = FindingPlaces(table()).row_of
    assert [row_of(path) for path in ("body.0", "body.0.weight", "body.weight", "body.7.weight", "head.a.b.c")] == [
        2, 2, 1, 1, 4,
    ]  # fmt: skip
    assert [row_of(path) for path in ("", "elsewhere.weight", "weight")] == [0, 0, 0]


def test_findings_count_for_every_row_above_them() -> None:
    found = [
        finding("body.0.weight"),
        finding("body.1", "warning"),
        finding("body.1.bias", "info"),
        finding("", "info"),
    ]
    assert {row: str(counts) for row, counts in FindingPlaces(table()).counts(found).items()} == {
        0: "error 1, warning 1, info 2",
        1: "error 1, warning 1, info 1",
        2: "error 1",
        3: "warning 1, info 1",
    }


def test_an_initializer_of_onnx_is_at_the_scope_it_is_named_after() -> None:
    rows = [
        Row(index=0, parent=None, kind="module", path="", type="graph", depth=0),
        Row(index=1, parent=0, kind="module", path="/conv1", type="scope", depth=1),
        Row(index=2, parent=1, kind="node", path="/conv1/Conv", type="Conv", depth=2),
        Row(index=3, parent=0, kind="node", path="/Gemm", type="Gemm", depth=1),
    ]
    graph = ModelTable(model=ModelInfo(name="g", framework="onnx", target="g.onnx"), rows=rows)
    row_of = FindingPlaces(graph).row_of
    assert [row_of(path) for path in ("conv1.weight", "/conv1/Conv", "/Gemm", "flat")] == [1, 2, 3, 0]


def test_the_outcome_says_how_much_was_looked_at() -> None:
    assert CheckReport(findings=[], tensors=1).outcome == "nothing found; 1 tensor looked at with 0 rules"
    found = [finding("a"), finding("b", "info"), finding("c")]
    assert CheckReport(findings=found, tensors=3).outcome.startswith("2 errors, 1 of information; 3 tensors")
