"""A model that does not run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding, Severity
from inspector.core.table import Failure, Input, Operand
from inspector.core.wording import model_input, shape, source_place

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.failing_pass import FailingPass

FORWARD_FAILS = rule(
    "NN001",
    "forward-fails",
    "A forward pass that raises, in the mode that the model is in, in train mode or while gradients are recorded, or a "
    "backward pass that does: the module, the line, the operands with their shapes, and what would fit.",
    "An error for any exception on the input that is given, or on the one that came furthest where none is; a warning "
    "where no input at all is found that the model runs on, since one that was not tried may fit; "
    "information for one in train mode alone, where an optional argument is not given. What changes "
    "a tensor in place and is refused for the sake of gradients is NN105's.",
    "The pass itself, carried out on real values; nothing is read from the exception's text.",
)
SUGGESTIONS = 3
"""Ways to mend it before the rest is left out."""


@looks(FORWARD_FAILS)
def forward_fails(evidence: Evidence) -> Iterator[Finding]:
    """The first pass that fails; of a graph, and where no input is known, the shape pass."""
    from inspector.engine.pytorch.experiments.failing_pass import failing_pass

    try:
        failed = evidence.of(failing_pass)
    except NotObservedError as problem:
        yield from _by_shapes(evidence, problem)
        return
    if failed is None:
        yield from _backward(evidence)
    elif not (failed.grad and failed.in_place):
        yield _forward(evidence, failed)


def _forward(evidence: Evidence, failed: "FailingPass") -> Finding:
    failure, inputs, ways = failed.failure, list(failed.inputs), list(failed.failure.suggestions)
    if not (failed.training or failed.grad):
        table = evidence.traced
        inputs = table.inputs or inputs
        ways += [one for one in (table.failure.suggestions if table.failure else []) if one not in ways]
    ways += [f"other sizes that fit: {others}" for one in inputs if (others := _alternatives(one.alternatives))]
    when = " where gradients are recorded" if failed.grad else " in train mode" if failed.training else ""
    wants_more = failed.training and bool(failed.missing)
    if wants_more:
        ways.insert(0, f"in train mode give it {' or '.join(failed.missing)} too")
    return _raised(failure, inputs, ways, "info" if wants_more else "error", when, failed.patch)


def _by_shapes(evidence: Evidence, unobserved: NotObservedError) -> Iterator[Finding]:
    """What the shape pass tells, where no pass on real values was `unobserved`; raises it where that one is sound."""
    table = evidence.traced
    untold = next((note.message for note in table.notes if note.code == "no-input"), None)
    if table.failure is not None:
        yield _raised(table.failure, table.inputs, list(table.failure.suggestions), "error")
    elif untold is not None:
        yield finding(
            FORWARD_FAILS,
            "warning",
            "",
            "no input is known that the forward pass runs on",
            untold,
            "give one that it should run on with --input; then this rule says where and why it fails",
            "a model that wants an input of a kind that was not tried",
        )
    elif table.model.framework == "torch":
        raise unobserved


def _raised(
    failure: Failure, inputs: list[Input], ways: list[str], severity: Severity, when: str = "", patch: str = ""
) -> Finding:
    place = f" at {source_place(failure.source)}" if failure.source is not None else ""
    given = "given" if {one.origin for one in inputs} == {"given"} else "worked out here"
    mended = "; or ".join(way.removeprefix("or ") for way in ways[:SUGGESTIONS])
    return finding(
        FORWARD_FAILS,
        severity,
        failure.path,
        f"the forward pass fails{when} in {failure.path or 'the model itself'}{place}: {failure.type}: "
        f"{failure.message}",
        f"{_operands(failure)}on the input {given}, {', '.join(map(model_input, inputs)) or 'none'}"
        + (f"; {failure.explanation}" if failure.explanation else ""),
        mended or "nninspect TARGET shows the rows up to there and the values at hand",
        "where the model is never given such an input",
        failure.source,
        patch=patch,
    )


def _backward(evidence: Evidence) -> Iterator[Finding]:
    """A backward pass that raises, for other reasons than changes in place."""
    from inspector.engine.pytorch.experiments.changes_in_place import changes_in_place
    from inspector.engine.pytorch.experiments.gradient_flow import gradient_flow

    try:
        flow, changes = evidence.of(gradient_flow), evidence.of(changes_in_place)
    except NotObservedError:
        return
    problems = [one for one in flow.passes if one.backward_problem]
    if problems and not changes.broken:
        mode = "train" if problems[0].training else "eval"
        yield finding(
            FORWARD_FAILS,
            "error",
            "",
            f"the backward pass fails in {mode} mode: {problems[0].backward_problem}",
            f"in {len(problems)} of {len(flow.passes)} passes, the output times a fixed random tensor as the objective",
            "torch.autograd.set_detect_anomaly(True) shows the call of forward that it belongs to",
            "a model that is used without gradients only",
        )


def _operands(failure: Failure) -> str:
    if not failure.operands:
        return ""
    return f"operands {', '.join(map(_operand, failure.operands))}; "


def _operand(one: Operand) -> str:
    return f"{one.text} {shape(one.shape)}{'' if one.dtype == 'float32' else f' {one.dtype}'}"


def _alternatives(shapes: list[list[int]]) -> str:
    return ", ".join(shape(sizes) for sizes in shapes[:SUGGESTIONS])
