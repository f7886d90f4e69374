"""Checking the model, and mending what was found by the change that a finding brings along."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from inspector.core.check_configuration import configuration_for
from inspector.core.errors import RequestError
from inspector.core.findings import CheckReport, CheckSettings, Finding
from inspector.tui.answers import show_check, show_edit
from inspector.worker.check_settings import check_settings
from inspector.worker.protocol import Apply, Check, Preview

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def check(app: NNInspectApp) -> None:
    """Look for defects and show them."""

    async def run() -> None:
        await _check(app)

    app.conversation.spawn(run())


def mend(app: NNInspectApp) -> None:
    """Show what mends the finding chosen; where that is a change of the model, make it and check again."""
    finding = app.side.finding
    if finding is not None:
        app.conversation.spawn(_show_fix(app, finding))


async def _check(app: NNInspectApp) -> CheckReport | None:
    try:
        settings = await asyncio.to_thread(_settings, app)
    except RequestError as problem:
        app.tell("This could not be done", str(problem))
        return None
    report = await app.conversation.ask(Check(settings=settings), "looking for defects")
    if report is not None:
        show_check(app, report)
    return report


def _settings(app: NNInspectApp) -> CheckSettings:
    return check_settings(configuration_for(app.recipe.target), app.inputs)


async def _show_fix(app: NNInspectApp, finding: Finding) -> None:
    from inspector.tui.fix_screen import FixScreen

    preview, edit = None, finding.edit
    if edit is not None and edit.action == "initialise":
        preview = await app.conversation.ask(Preview(edit=edit), "looking at what the change does")
        if preview is None:
            return

    def go_on(wanted: bool | None) -> None:
        if wanted:
            app.conversation.spawn(_apply(app, finding))

    app.push_screen(FixScreen(finding, preview), go_on)


async def _apply(app: NNInspectApp, finding: Finding) -> None:
    if finding.edit is None:
        return
    done = await app.conversation.ask(Apply(edit=finding.edit), "mending")
    if done is None:
        return
    show_edit(app, done)
    report = await _check(app)
    if report is None:
        return
    found = (finding.rule, finding.path, finding.severity)
    if any((one.rule, one.path, one.severity) == found for one in report.findings):
        app.say(f"{finding.rule} is still found: {done.message}; {report.outcome}", "$text-warning")
    else:
        app.say(f"{finding.rule} is mended: {done.message}; {report.outcome}", "$text-success")
