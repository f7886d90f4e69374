"""Findings as SARIF 2.1.0, which code scanning services and editors read.

The format: OASIS Static Analysis Results Interchange Format (SARIF) Version 2.1.0, sections 3.13 to 3.58.
"""

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from inspector.core.findings import CheckReport, Finding, Suppressed
from inspector.core.version import installed_version
from inspector.report.finding_locations import location_of, placed

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_document(report: CheckReport, target: str) -> str:
    """One run: the rules, the findings that stand, then those that a comment keeps quiet."""
    order = {rule.id: number for number, rule in enumerate(report.rules)}
    rules = [
        {
            "id": rule.id,
            "name": rule.name,
            "shortDescription": {"text": rule.looks_for},
            "fullDescription": {"text": f"{rule.looks_for} {rule.thresholds}"},
            "help": {"text": f"Thresholds: {rule.thresholds}\nSource: {rule.source}"},
        }
        for rule in report.rules
    ]
    results = [_result(finding, target, order) for finding in report.findings]
    results += [
        {**_result(one.finding, target, order), "suppressions": [_suppression(one)]} for one in report.suppressed
    ]
    notifications = [
        {"level": "note", "message": {"text": f"{one.rule} was not applied: {one.why}"}} for one in report.not_run
    ]
    run = {
        "tool": {"driver": {"name": "nninspect", **_version(), "rules": rules}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _result(finding: Finding, target: str, order: dict[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {}
    at = location_of(finding, target)
    if at is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(at.file)}}
        if at.line is not None:
            physical["region"] = {"startLine": max(1, at.line)}
        location["physicalLocation"] = physical
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path, "kind": "member"}]
    told = [finding.message, *(f"{label}: {text}" for label, text in finding.facts if text)]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(told)},
        "locations": [location] if location else [],
    }
    if finding.rule in order:
        result["ruleIndex"] = order[finding.rule]
    return result


def _suppression(one: Suppressed) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _uri(placed(one.by.file))}, "region": {"startLine": max(1, one.by.line)}}
    return {"kind": "inSource", "location": {"physicalLocation": place}}


def _uri(file: str) -> str:
    """A reference as RFC 3986 has it: relative as it is, absolute with its scheme."""
    return f"file://{quote(file)}" if PurePosixPath(file).is_absolute() else quote(file)


def _version() -> dict[str, str]:
    version = installed_version()
    return {} if version == "unknown" else {"version": version}
