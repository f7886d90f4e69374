"""Carries out the checks on a file of weights, or on a live model."""

from inspector.checks.catalogue import NOT_ADDED, OF_FILES, OF_VALUES, RULES
from inspector.checks.evidence import Evidence, NotObservedError, worth_reading
from inspector.checks.rules import LOOKS
from inspector.checks.suppressing import sifted
from inspector.core.errors import RequestError
from inspector.core.findings import CheckReport, CheckSettings, Finding, NotRun, by_severity
from inspector.core.wording import things
from inspector.engine.live import LiveModel, Progress
from inspector.files.catalog import Catalog
from inspector.files.damage import DOUBT


def check_file(catalog: Catalog, settings: CheckSettings, progress: Progress) -> CheckReport:
    """Apply the rules to a file alone, of which every tensor is read once.

    Raises RequestError where there is nothing to look at and no error that says so.
    """
    evidence = Evidence(progress, catalog=catalog)
    report = _report(evidence, settings)
    wanted = any(settings.takes(id) for id in OF_VALUES)
    if wanted and not evidence.weights.measured and not any(one.severity == "error" for one in report.findings):
        raise RequestError(f"{catalog.path}: {_nothing_to_look_at(catalog, evidence.weights.unread)}")
    return report


def check_model(model: LiveModel, settings: CheckSettings, progress: Progress) -> CheckReport:
    """Apply the rules to a live model, which stays as it is."""
    return _report(Evidence(progress, model=model, inputs=settings.inputs), settings)


def _report(evidence: Evidence, settings: CheckSettings) -> CheckReport:
    chosen = [id for id in sorted(RULES) if settings.takes(id)]
    found: list[Finding] = []
    not_run = [one for one in NOT_ADDED if settings.takes(one.rule)]
    if evidence.model is None:
        others = [id for id in chosen if id not in OF_FILES]
        chosen = [id for id in chosen if id in OF_FILES]
        not_run += [NotRun(rule=id, why="a file alone has no modules that could be run") for id in others]
    for number, id in enumerate(chosen):
        evidence.progress(number, len(chosen), f"{id} {RULES[id].name}")
        try:
            found += LOOKS[id](evidence)
        except NotObservedError as problem:
            not_run.append(NotRun(rule=id, why=str(problem)))
    of_values = [id for id in chosen if id in OF_VALUES]
    if of_values and evidence.weights.unread:
        unread = evidence.weights.unread
        why = f"{things(len(unread), 'tensor')} not looked at: {unread[0]}"
        not_run += [NotRun(rule=id, why=why) for id in of_values]
    kept, suppressed = sifted(by_severity(found), evidence.model)
    return CheckReport(
        findings=kept,
        suppressed=suppressed,
        not_run=not_run,
        rules=[RULES[id] for id in sorted(RULES) if settings.takes(id)],
        tensors=len(evidence.weights.measured) if of_values else 0,
    )


def _nothing_to_look_at(catalog: Catalog, unread: list[str]) -> str:
    if unread:
        return f"none of its {things(len(list(worth_reading(catalog))), 'tensor')} can be looked at: {unread[0]}"
    doubts = [note.message for note in catalog.notes if note.code in DOUBT]
    if doubts and not catalog.tensors:
        return f"it has no tensors to look at: {doubts[0]}"
    if not any(tensor.elements for tensor in catalog.tensors):
        return "it holds no tensors with values, so there is nothing to check; is it the right file?"
    return "it holds an optimizer's state alone, which is not checked; give the file with the weights"
