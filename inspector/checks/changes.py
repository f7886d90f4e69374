"""Changes in place that break gradients, or that a later line does not expect."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.wording import shape, source_place

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.call_places import CallPlace
    from inspector.engine.pytorch.experiments.changes_in_place import BrokenBackward, Reread

INPLACE_BREAKS_AUTOGRAD = rule(
    "NN105",
    "inplace-breaks-autograd",
    "A tensor that is changed in place after it was kept for the backward pass, a leaf or a view that must not be "
    "changed, and a tensor that is changed in place while another name for it is read later.",
    "An error where the backward pass, or forward with gradients recorded, raises; a warning where an operand "
    "still goes "
    "by the name that it had before the change.",
    "torch.autograd's version counters; torch.autograd.graph.saved_tensors_hooks; the memory that every call changes.",
)


@looks(INPLACE_BREAKS_AUTOGRAD)
def inplace_breaks_autograd(evidence: Evidence) -> Iterator[Finding]:
    """What forward may not change, else what it changes too late, else what it reads under another name."""
    from inspector.engine.pytorch.experiments.changes_in_place import changes_in_place
    from inspector.engine.pytorch.experiments.failing_pass import failing_pass

    failed = evidence.of(failing_pass)
    if failed is not None and failed.grad and failed.in_place:
        failure = failed.failure
        place = f" at {source_place(failure.source)}" if failure.source is not None else ""
        yield finding(
            INPLACE_BREAKS_AUTOGRAD,
            "error",
            failure.path,
            f"forward changes a tensor in place{place} that must keep its value while gradients are recorded: "
            f"{failure.message}",
            "the same pass runs without gradients",
            "write it without changing in place: x = x + y instead of x += y, torch.where or torch.cat instead "
            "of x[…] = y",
            "a model that is used without gradients only",
            failure.source,
        )
        return
    changes = evidence.of(changes_in_place)
    for broken in changes.broken:
        yield _broken(broken, changes.problem)
    for reread in changes.reread:
        yield _reread(reread)


def _broken(broken: "BrokenBackward", problem: str) -> Finding:
    return finding(
        INPLACE_BREAKS_AUTOGRAD,
        "error",
        broken.changed.path,
        f"{_told(broken.changed)} changes in place a tensor that {_told(broken.saved)} needs in the backward pass",
        f"a tensor of {shape(broken.shape)} was kept, then changed; the backward pass raises: {problem}",
        "write it without changing in place: x = x + y instead of x += y, inplace=False instead of inplace=True, "
        "torch.cat or torch.stack instead of x[…] = y",
        "a model that is used without gradients only",
        broken.changed.source,
    )


def _reread(reread: "Reread") -> Finding:
    return finding(
        INPLACE_BREAKS_AUTOGRAD,
        "warning",
        reread.changed.path,
        f"{_told(reread.changed)} changes in place what {_told(reread.read)} still reads as {reread.name}",
        f"{reread.name} is the very tensor that was changed before, so that the new value is read",
        "inplace=False there, or work on a clone",
        "where the changed value is what is wanted",
        reread.changed.source,
    )


def _told(place: "CallPlace") -> str:
    return f"{place.operation} at {source_place(place.source)}" if place.source is not None else place.operation
