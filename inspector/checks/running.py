"""Carries out the checks on a file of weights, or on the tensors of a live model."""

from collections.abc import Callable, Iterable, Iterator

from inspector.checks.catalogue import RULES
from inspector.checks.weights import DEGENERATE_INIT, NONFINITE_WEIGHTS, STILL_DEFAULT, Measured, check_weights
from inspector.core.errors import RequestError
from inspector.core.findings import CheckReport, NotRun
from inspector.core.wording import things
from inspector.engine.live import LiveModel, Progress
from inspector.files.catalog import Catalog, CatalogTensor

_OPTIMIZER_WORDS = ("optim", "exp_avg", "momentum_buffer", "param_groups")


def check_file(catalog: Catalog, progress: Progress) -> CheckReport:
    """Read every tensor of a file once, but those of an optimizer, which starts at zero; shared ones once."""
    from inspector.files.values.health import health_of
    from inspector.files.values.reading import read_tensor

    chosen = list(_worth_reading(catalog))
    size = sum(tensor.bytes for tensor in chosen)
    unread: list[str] = []

    def measured() -> Iterator[Measured]:
        done = 0
        for tensor in chosen:
            tick = _tick(progress, done, size, tensor.key)
            try:
                health = health_of(read_tensor(catalog, tensor), tick)
                yield Measured(tensor.key, tensor.shape, tensor.dtype, health)
            except RequestError as problem:
                unread.append(str(problem))
            done += tensor.bytes

    return _report(measured(), unread)


def check_model(model: LiveModel, progress: Progress) -> CheckReport:
    """Measure every tensor of a model."""
    from inspector.files.values.health import health_of

    unread: list[str] = []

    def measured() -> Iterator[Measured]:
        for number, (key, dtype, values) in enumerate(model.arrays()):
            progress(number, None, f"looking at {key}")
            if values is None:
                unread.append(f"{key} has no values to look at")
            elif values.size:
                yield Measured(key, list(values.shape), dtype, health_of(values))

    return _report(measured(), unread)


def _report(measured: Iterable[Measured], unread: list[str]) -> CheckReport:
    looked_at = list(measured)
    findings = check_weights(looked_at)
    not_run = []
    if unread:
        why = f"{things(len(unread), 'tensor')} not looked at: {unread[0]}"
        not_run = [NotRun(rule=rule.id, why=why) for rule in (NONFINITE_WEIGHTS, DEGENERATE_INIT, STILL_DEFAULT)]
    rules = [RULES[id] for id in sorted(RULES)]
    return CheckReport(findings=findings, not_run=not_run, rules=rules, tensors=len(looked_at))


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
