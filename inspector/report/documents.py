"""The JSON documents of the contract, one function each."""

from collections.abc import Sequence
from typing import Any

import msgspec

from inspector.core.ablation import AblationReport
from inspector.core.differences import DiffReport
from inspector.core.export import ExportReport
from inspector.core.findings import CheckReport
from inspector.core.graph_comparison import GraphComparison
from inspector.core.memory import MemoryReport
from inspector.core.placement import PlacementPlan
from inspector.core.repair import RepairReport
from inspector.core.repeated_blocks import repeated_blocks
from inspector.core.results import (
    EditReport,
    ForwardReport,
    InitPreview,
    KeyExplanation,
    SaveReport,
    TensorGradient,
    ValuesReport,
)
from inspector.core.row_comparison import RowComparison
from inspector.core.row_filters import FoundRows
from inspector.core.run_comparison import RunComparison, compared_runs
from inspector.core.self_tests import SelfTestReport
from inspector.core.stops import StepReport, Stop
from inspector.core.table import ModelTable
from inspector.core.what_if import WhatIfReport


def summary_document(table: ModelTable, memory: MemoryReport | None = None, found: FoundRows | None = None) -> str:
    """`summary --json`; with ``--memory`` its figures under "memory", their rows aligned with the table's.

    With ``--filter`` only the rows found and those that hold them, under their own numbers; so of the memory's.
    """
    document: dict[str, Any] = {**msgspec.structs.asdict(table), "blocks": repeated_blocks(table)}
    if memory is not None:
        document["memory"] = memory
    if found is not None:
        document["rows"] = [table.rows[index] for index in found.shown]
        document["filter"] = {"text": found.filter, "matching": found.matching, "of": len(table.rows)}
        if memory is not None:
            rows = [memory.rows[index] for index in found.shown]
            document["memory"] = msgspec.structs.replace(memory, rows=rows)
    return _json(document)


def forward_document(
    report: ForwardReport, values: Sequence[ValuesReport] = (), comparison: RunComparison | None = None
) -> str:
    """`forward --json`: the summary, with measurements in each row and gradients in each tensor.

    With a `comparison` all that is of the pass before, and "compared" says what the other one did.
    """
    document: dict[str, Any] = {**msgspec.to_builtins(report.table), "blocks": repeated_blocks(report.table)}
    for row, run in zip(document["rows"], report.runs, strict=True):
        row |= msgspec.to_builtins(run)
    gradients = {one.key: one for one in report.gradients}
    if gradients:
        for tensor in document["tensors"]:
            key = tensor["key"]
            one = gradients.get(key, TensorGradient(key=key, gradient_note="a buffer has no gradient"))
            tensor |= msgspec.to_builtins(one)
    previews = {preview.name: preview for preview in report.outputs}
    for output in document["outputs"]:
        if (preview := previews.get(output["name"])) is not None:
            output |= {"text": preview.text, "statistics": msgspec.to_builtins(preview.statistics)}
    document["first_nonfinite"] = msgspec.to_builtins(report.first_nonfinite)
    document["seconds"] = report.seconds
    document["seed"] = report.seed
    document["batches"] = report.batches
    document["timing"] = msgspec.to_builtins(report.timing)
    document["optimised"] = msgspec.to_builtins(report.optimised)
    document["values"] = msgspec.to_builtins(values)
    if comparison is not None:
        document["compared"] = _compared(comparison)
    if report.placement is not None:
        placement = msgspec.to_builtins(report.placement)
        for row, placed in zip(document["rows"], placement.pop("rows"), strict=True):
            row["placement"] = placed
        document["placement"] = placement
    return _json(document)


def _compared(comparison: RunComparison) -> dict[str, Any]:
    """What changed most first, each row by its indices in both tables; of the pass after what is not of one row."""
    after = comparison.after
    return {
        "told": comparison.told,
        "rows": compared_runs(comparison.before, after),
        "after": {
            "seconds": after.seconds,
            "first_nonfinite": after.first_nonfinite,
            "failure": after.table.failure,
            "outputs": after.outputs,
        },
    }


def keys_document(keys: list[KeyExplanation]) -> str:
    """`keys --json`."""
    return _json({"keys": keys})


def init_document(reports: list[EditReport], saved: SaveReport) -> str:
    """`init --json`: what each rule changed, what was made of tensors on meta before, and the file."""
    rules = [
        {
            "pattern": report.edit.where,
            "initialiser": report.edit.argument,
            "seed": report.edit.seed,
            "keys": report.keys,
            "message": report.message,
        }
        for report in reports
        if report.edit.action == "initialise"
    ]
    materialised = [
        {"device": one.edit.argument, "seed": one.edit.seed, "keys": one.keys, "message": one.message}
        for one in reports
        if one.edit.action == "materialise"
    ]
    written = {"written": saved.path, "files": saved.files, "tensors": saved.tensors, "bytes": saved.bytes}
    return _json({"rules": rules, "materialised": next(iter(materialised), None), **written})


def init_preview_document(previews: list[InitPreview]) -> str:
    """`init --preview --json`: what each rule would do."""
    return _json({"schema_version": 1, "preview": previews})


def check_document(report: CheckReport) -> str:
    """`check --json`."""
    return _json(report)


def check_files_document(told: Sequence[tuple[str, CheckReport | str]]) -> str:
    """`check-files --json`: of each file what `check --json` prints, or why it could not be checked."""
    files = [
        {"file": file, **({"problem": one} if isinstance(one, str) else msgspec.to_builtins(one))} for file, one in told
    ]
    return _json({"schema_version": 1, "files": files})


def self_test_document(report: SelfTestReport) -> str:
    """`selftest --json`: the tests, and each dependency with the name of its pattern."""
    document = msgspec.to_builtins(report)
    for told, one in zip(document["dependencies"], report.dependencies, strict=True):
        told["pattern"] = one.pattern
    return _json(document)


def diff_document(report: DiffReport) -> str:
    """`diff --json`: every difference; of what is equal only how much."""
    known = ("rules", "ambiguous", "notes", "verdict", "container_a", "container_b")
    return _json(
        {
            "schema_version": 1,
            **{name: getattr(report, name) for name in ("same", "only_a", "only_b", "renamed")},
            "changed": [{"key": row.keys_a[0], **msgspec.to_builtins(row)} for row in report.changed],
            "unchanged": report.unchanged,
            "not_compared": report.not_compared,
            **{name: getattr(report, name) for name in known},
        }
    )


def repair_document(report: RepairReport) -> str:
    """`repair --json`."""
    return _json({"schema_version": 1, **msgspec.to_builtins(report)})


def export_document(report: ExportReport) -> str:
    """`export --json`; with ``--verify`` the rows and outputs of the first pass, and all passes under "passes"."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    del document["comparison"], document["graph"]
    if report.comparison is not None:
        document |= comparison_fields(report.comparison)
    else:
        document["outputs"] = [{"name": one.name, "max_abs": None, "relative": None} for one in report.outputs]
    document |= {"declared_inputs": document.pop("inputs"), "declared_outputs": msgspec.to_builtins(report.outputs)}
    return _json({"schema_version": 1, **document})


def comparison_fields(comparison: RowComparison) -> dict[str, Any]:
    """A comparison as `export --verify --json` has it."""
    fields: dict[str, Any] = msgspec.to_builtins(comparison)
    first = fields["passes"][0]
    return {
        "agrees": comparison.agrees,
        "outputs": first["outputs"],
        "rows": first["rows"],
        "first_divergence": msgspec.to_builtins(comparison.first_divergence),
        "matched_share": comparison.share,
        **fields,
    }


def graph_comparison_document(report: GraphComparison) -> str:
    """`diff --json` where one side is an ONNX file: tensors as ever, then "nodes" and "comparison"."""
    document = msgspec.json.decode(diff_document(report.tensors))
    comparison = None if report.comparison is None else comparison_fields(report.comparison)
    notes = [*document.get("notes", []), *report.notes]
    nodes = msgspec.to_builtins(report.nodes)
    return _json(document | {"same": report.same, "nodes": nodes, "comparison": comparison, "notes": notes})


def what_if_document(report: WhatIfReport) -> str:
    """`what-if --json`."""
    return _json({"schema_version": 1, **msgspec.to_builtins(report)})


def place_document(table: ModelTable, plan: PlacementPlan) -> str:
    """`place --json`: the plan, its rows with path, call and type."""
    document = msgspec.to_builtins(plan)
    for told, row in zip(document["rows"], table.rows, strict=True):
        told |= {name: getattr(row, name) for name in ("index", "parent", "kind", "path", "call", "type", "bytes")}
    return _json({"schema_version": 1, "fits": plan.fits, **document})


def step_document(stops: list[Stop], report: StepReport) -> str:
    """`step --json`: every stop, its frames without their whole source, then how the pass ended."""
    listed = msgspec.to_builtins(stops)
    for frame in (frame for stop in listed for frame in stop["frames"]):
        del frame["code"], frame["first_line"]
    end = {name: getattr(report, name) for name in ("state", "outputs", "failure", "changes")}
    return _json({"schema_version": 1, "stops": listed, **end})


def ablation_document(report: AblationReport) -> str:
    """`ablate --json`."""
    return _json({"schema_version": 1, **msgspec.to_builtins(report)})


def _json(document: Any) -> str:
    """UTF-8 JSON; numbers that JSON lacks (NaN, infinities) become null."""
    return msgspec.json.encode(document).decode()
