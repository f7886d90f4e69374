"""Carries out the checks on a file of weights, or on the tensors of a live model."""

from collections.abc import Callable, Iterator

from inspector.checks.catalogue import RULES
from inspector.checks.files import DAMAGED_CHECKPOINT, UNSAFE_GLOBALS, check_catalog
from inspector.checks.loading import CHECKPOINT_MISMATCH, check_load
from inspector.checks.measuring import Measured, measure
from inspector.checks.still_default import STILL_DEFAULT
from inspector.checks.weights import DEGENERATE_INIT, NONFINITE_WEIGHTS, check_weights
from inspector.core.errors import RequestError
from inspector.core.findings import CheckReport, Finding, NotRun, by_severity
from inspector.core.wording import things
from inspector.engine.live import LiveModel, Progress
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.damage import DOUBT

_OPTIMIZER_WORDS = ("optim", "exp_avg", "momentum_buffer", "param_groups")


def check_file(catalog: Catalog, progress: Progress) -> CheckReport:
    """Read every tensor of a file once, but those of an optimizer, which starts at zero; shared ones once.

    Raises RequestError where there is nothing to look at and no error that says so.
    """
    from inspector.files.values.reading import DamagedValuesError, read_tensor

    chosen = list(_worth_reading(catalog))
    size = sum(tensor.bytes for tensor in chosen)
    unread: list[str] = []
    damaged: list[str] = []
    looked_at: list[Measured] = []
    done = 0
    for tensor in chosen:
        tick = _tick(progress, done, size, tensor.key)
        try:
            looked_at.append(measure(tensor.key, tensor.dtype, read_tensor(catalog, tensor), tick))
        except RequestError as problem:
            unread.append(str(problem))
            damaged += [str(problem)] if isinstance(problem, DamagedValuesError) else []
        done += tensor.bytes
    findings = check_catalog(catalog, damaged)
    if not looked_at and not any(one.severity == "error" for one in findings):
        raise RequestError(f"{catalog.path}: {_nothing_to_look_at(catalog, chosen, unread)}")
    alone = "a file alone has no model to fit: nninspect check MODEL --weights FILE"
    return _report(looked_at, unread, findings, [NotRun(rule=CHECKPOINT_MISMATCH.id, why=alone)])


def check_model(model: LiveModel, progress: Progress) -> CheckReport:
    """Measure every tensor of a model, and tell how the weights fitted that were loaded into it."""
    unread: list[str] = []
    looked_at: list[Measured] = []
    table = model.table()
    # In a graph the numbers of formulas are tensors as well.
    graph = table.model.framework == "onnx"
    single = [tensor for tensor in table.tensors if graph and tensor.elements == 1]
    constants = {tensor.key for tensor in single if tensor.kind == "buffer" or not tensor.shape}
    for number, (key, dtype, values) in enumerate(model.arrays()):
        progress(number, None, f"looking at {key}")
        if values is None:
            unread.append(f"{key} holds text" if dtype == "string" else f"{key} has no values to look at")
        elif values.size:
            looked_at.append(measure(key, dtype, values)._replace(is_constant=key in constants))
    if table.load is None:
        return _report(looked_at, unread, [], [NotRun(rule=rule.id, why=_NO_WEIGHTS) for rule in _OF_WEIGHTS])
    from inspector.engine.user_paths import user_path
    from inspector.files import open_catalog

    catalog = open_catalog(user_path(model.recipe.weights or ""), model.recipe.allow_outside)
    return _report(looked_at, unread, [*check_load(table.load, table, model.recipe), *check_catalog(catalog, [])], [])


_OF_WEIGHTS = (CHECKPOINT_MISMATCH, DAMAGED_CHECKPOINT, UNSAFE_GLOBALS)
_NO_WEIGHTS = "no file of weights was loaded into the model; --weights FILE does"


def _report(
    looked_at: list[Measured], unread: list[str], findings: list[Finding], not_run: list[NotRun]
) -> CheckReport:
    if unread:
        why = f"{things(len(unread), 'tensor')} not looked at: {unread[0]}"
        of_values = (NONFINITE_WEIGHTS, DEGENERATE_INIT, STILL_DEFAULT)
        not_run = [*not_run, *(NotRun(rule=rule.id, why=why) for rule in of_values)]
    return CheckReport(
        findings=by_severity([*findings, *check_weights(looked_at)]),
        not_run=not_run,
        rules=[RULES[id] for id in sorted(RULES)],
        tensors=len(looked_at),
    )


def _nothing_to_look_at(catalog: Catalog, chosen: list[CatalogTensor], unread: list[str]) -> str:
    if unread:
        return f"none of its {things(len(chosen), 'tensor')} can be looked at: {unread[0]}"
    doubts = [note.message for note in catalog.notes if note.code in DOUBT]
    if doubts and not catalog.tensors:
        return f"it has no tensors to look at: {doubts[0]}"
    if not any(tensor.elements for tensor in catalog.tensors):
        return "it holds no tensors with values, so there is nothing to check; is it the right file?"
    return "it holds an optimizer's state alone, which is not checked; give the file with the weights"


def _worth_reading(catalog: Catalog) -> Iterator[CatalogTensor]:
    seen: set[tuple[object, ...]] = set()
    for tensor in catalog.tensors:
        place = (tensor.file, tensor.storage, tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides))
        if tensor.elements and (tensor.storage is None or place not in seen):
            seen.add(place)
            if not any(word in part for part in (*tensor.container, tensor.name) for word in _OPTIMIZER_WORDS):
                yield tensor


def _tick(progress: Progress, before: int, size: int, key: str) -> Callable[[int], None]:
    def tick(read: int) -> None:
        progress(before + read, size, f"reading {key}")

    return tick
