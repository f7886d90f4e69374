"""Findings as commands of a GitHub workflow, which shows each at its line."""

from collections.abc import Iterator

from inspector.core.findings import CheckReport
from inspector.report.finding_locations import Located, location_of

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def github_commands(report: CheckReport, target: str) -> Iterator[str]:
    """One line a finding: ``::error file=net.py,line=3,title=NN105 inplace-breaks-autograd::message``."""
    for finding in report.findings:
        at = location_of(finding, target)
        title = f"{finding.rule} {finding.name}"
        properties = {**_place(at), "title": title}
        listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        told = [finding.message, *(f"{label}: {text}" for label, text in finding.facts if text)]
        yield f"::{_COMMANDS[finding.severity]} {listed}::{_data(chr(10).join(told))}"


def _place(at: Located | None) -> dict[str, str]:
    if at is None:
        return {}
    return {"file": at.file, **({} if at.line is None else {"line": str(at.line)})}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
