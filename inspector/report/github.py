"""Findings as commands of a GitHub workflow, which shows each at its line."""

from collections.abc import Iterator

from inspector.core.findings import CheckReport
from inspector.report.finding_locations import Located, file_of, location_of

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def github_commands(report: CheckReport, target: str) -> Iterator[str]:
    """One line a finding: ``::error file=net.py,line=3,title=NN105 inplace-breaks-autograd::message``."""
    for finding in report.findings:
        told = [finding.message, *(f"{label}: {text}" for label, text in finding.facts if text)]
        title = f"{finding.rule} {finding.name}"
        yield _command(_COMMANDS[finding.severity], location_of(finding, target), title, "\n".join(told))


def github_refusal(problem: str, target: str) -> str:
    """The line for a target that could not be checked."""
    return _command("error", file_of(target), "nninspect", problem)


def _command(name: str, at: Located | None, title: str, text: str) -> str:
    properties = {**_place(at), "title": title}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{name} {listed}::{_data(text)}"


def _place(at: Located | None) -> dict[str, str]:
    if at is None:
        return {}
    return {"file": at.file, **({} if at.line is None else {"line": str(at.line)})}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
