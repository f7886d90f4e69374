"""Parameters that no gradient of the output gets to: those that nothing uses, and those that are cut off."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding, Severity
from inspector.core.table import Source
from inspector.core.wording import source_place, things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.gradient_flow import GradientFlow
    from inspector.engine.pytorch.experiments.unused_parts import UnusedPart
    from inspector.engine.pytorch.experiments.value_flow import Cut

TOLD = 3
"""Keys before the rest is counted."""

UNUSED_PARAMETERS = rule(
    "NN102",
    "unused-parameters",
    "Parameters that require gradients and have no part in any output: layers that forward never calls, or whose "
    "result "
    "it drops.",
    "A warning for those that no output comes from in a pass in eval mode and up to four in train mode, each on other "
    "inputs; information where another method uses them, where they belong to a branch for an optional input, or where "
    "what is chosen among their like changes from pass to pass.",
    "DistributedDataParallel's find_unused_parameters; autograd's graph walked from the outputs to its leaves, "
    "beside it "
    "the values followed through every call.",
)
GRADIENT_BLOCKED = rule(
    "NN103",
    "gradient-blocked",
    "Parameters that the output is computed from and that no gradient can get back to, with the line that cuts "
    "them off.",
    "An error where nothing in the output can be differentiated, and for what goes through .data, Python "
    "numbers, whole "
    "numbers, comparisons, or functions like round whose derivative is zero; a warning for detach, no_grad and "
    "inference_mode on part of the model; information for gradients that are zero in every element because of "
    "values. In "
    "all passes, one in eval and up to four in train mode, with a random projection of the outputs as the objective.",
    "torch.autograd's own graph held against the values' origins, followed through every call.",
)
_STATED = ("x.detach", "x.detach_", "torch.no_grad", "torch.inference_mode", "torch.detach")
"""What somebody writes who wants gradients to end."""


@looks(UNUSED_PARAMETERS)
def unused_parameters(evidence: Evidence) -> Iterator[Finding]:
    """The topmost modules that have no part in an output, and single parameters."""
    from inspector.engine.pytorch.experiments.gradient_flow import gradient_flow
    from inspector.engine.pytorch.experiments.unused_parts import unused_parts

    unseen = bool(evidence.of(gradient_flow).problems)
    for part in evidence.of(unused_parts):
        yield _unused(part, unseen)


def _unused(part: "UnusedPart", unseen: bool) -> Finding:
    """`unseen` says that a pass failed in one of the modes, which may use the part."""
    what = f"{part.path} ({part.type})" if part.type else part.path
    if part.type and not part.called:
        told = f"{what} is never called, so that its parameters are never trained"
    elif part.type:
        told = f"{what} is called, but no output comes from what it returns"
    else:
        told = f"no output comes from the parameter {what}"
    return finding(
        UNUSED_PARAMETERS,
        "info" if part.excuse or unseen else "warning",
        part.path,
        told + (f"; {part.excuse}" if part.excuse else ""),
        f"{things(part.elements, 'element')} in {keys_told(part.keys)} unused in {_passes(part.modes)}",
        "use it in forward, or remove it; DistributedDataParallel stops at such parameters unless it is told to "
        "find them",
        "a branch that these inputs do not take, or a part that is used from outside forward",
        part.source,
    )


@looks(GRADIENT_BLOCKED)
def gradient_blocked(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each line that cuts gradients off."""
    from inspector.engine.pytorch.experiments.gradient_flow import gradient_flow

    flow = evidence.of(gradient_flow)
    lost = [key for key in flow.trainable if key not in flow.reached and (key in flow.used or flow.cuts_of(key))]
    whole = not any(one.differentiable for one in flow.passes)
    for cuts, keys in _by_line(flow, lost):
        yield _blocked(flow, cuts, keys, whole)
    for cuts, keys in _by_line(flow, [key for key in flow.trainable if key in flow.zero]):
        yield _zero(flow, cuts, keys)


def _by_line(flow: "GradientFlow", keys: Iterable[str]) -> "list[tuple[list[Cut], list[str]]]":
    """The first cut of each parameter, those on one line together: a class may be used many times."""
    found: dict[tuple[str, Source | None], tuple[list[Cut], list[str]]] = {}
    for key in keys:
        cut = next(iter(flow.cuts_of(key)), None)
        place = ("", None) if cut is None else (cut.operation, cut.source)
        cuts, cut_off = found.setdefault(place, ([], []))
        cuts += [cut] if cut is not None and cut not in cuts else []
        cut_off.append(key)
    return list(found.values())


def _blocked(flow: "GradientFlow", cuts: "list[Cut]", keys: list[str], whole: bool) -> Finding:
    from inspector.engine.pytorch.experiments.mended_cuts import mended_cut

    cut = cuts[0] if cuts else None
    by = f"{_WRITTEN.get(cut.operation, cut.operation)}{_at(cut)}" if cut else "a call that torch does not show"
    stated = cut is None or cut.kind in ("frozen", "grad mode") or (cut.kind == "detached" and cut.operation in _STATED)
    only_choices = whole and cut is not None and cut.kind == "cast"
    severity: Severity = "error" if (whole and not only_choices) or not (whole or stated) else "warning"
    if flow.problems and not whole:
        # The mode whose pass failed may train what this one does not.
        severity = "info"
    what = (
        "nothing in the output can be differentiated"
        if whole
        else f"{things(len(keys), 'parameter')} cannot be trained"
    )
    return finding(
        GRADIENT_BLOCKED,
        severity,
        cut.path if cut else "",
        f"{what}: {by} ends the gradient's way back{_elsewhere(cuts)}",
        f"{_share(flow, keys)}: {keys_told(keys)} have a part in the output and get no gradient in "
        f"{_passes([one.training for one in flow.passes])}",
        _FIXES[cut.kind] if cut else "look for compiled code that keeps no gradients",
        "a target network, a backbone kept frozen, codes trained by a loss of their own: then set requires_grad "
        "to False "
        "for these parameters",
        cut.source if cut else None,
        patch=mended_cut(cut) if cut else "",
    )


def _zero(flow: "GradientFlow", cuts: "list[Cut]", keys: list[str]) -> Finding:
    from inspector.engine.pytorch.experiments.gradient_flow import DERIVATIVE_IS_ZERO

    cut = cuts[0] if cuts else None
    bare = cut.operation.rpartition(".")[2].rstrip("_") if cut else ""
    constant = bare in DERIVATIVE_IS_ZERO or (cut is not None and cut.operation in DERIVATIVE_IS_ZERO)
    why = "its derivative is zero everywhere" if constant else "because of the values that it is given here"
    by = f"{cut.operation}{_at(cut)} hands none on, {why}{_elsewhere(cuts)}" if cut else "it vanishes on the way"
    return finding(
        GRADIENT_BLOCKED,
        "error" if constant else "info",
        cut.path if cut else "",
        f"the gradient of {things(len(keys), 'parameter')} is exactly zero: {by}",
        f"{_share(flow, keys)}: {keys_told(keys)}, zero in every element in "
        f"{_passes([one.training for one in flow.passes])}",
        _FIXES["zero"] if constant else "look at what is multiplied with it: zeros, dead units, one single choice",
        "where a surrogate gradient is added in training"
        if constant
        else "weights that start at zero on purpose, such as the last of a residual branch or LoRA's B; dead units",
        cut.source if cut else None,
    )


_WRITTEN = {
    "torch.no_grad": "torch.no_grad", "torch.inference_mode": "torch.inference_mode", "x.data": ".data",
    "x.detach": ".detach()", "x.item": ".item()", "x.tolist": ".tolist()", "x.numpy": ".numpy()",
}  # fmt: skip
_FIXES = {
    "detached": "leave it out: work with the tensor itself",
    "grad mode": "take these lines out of it, or set requires_grad to False for what is meant to be frozen",
    "number": "keep it a tensor: a Python number or an array has no history",
    "cast": "keep it a float: use a softmax or another smooth choice, or a straight-through estimator",
    "frozen": "freeze before training, not inside forward",
    "zero": "use a straight-through estimator: x + (round(x) - x).detach()",
}


def keys_told(keys: list[str]) -> str:
    """The first of some keys, the rest counted."""
    more = f" and {len(keys) - TOLD:,} more" if len(keys) > TOLD else ""
    return ", ".join(keys[:TOLD]) + more


def _share(flow: "GradientFlow", keys: list[str]) -> str:
    lost, all_ = sum(flow.elements[key] for key in keys), sum(flow.elements.values())
    return f"{lost:,} of {things(all_, 'trainable element')}"


def _passes(training: Iterable[bool]) -> str:
    modes = ["train" if one else "eval" for one in training]
    number = "1 pass" if len(modes) == 1 else f"{len(modes)} passes"
    return f"{number} ({', '.join(dict.fromkeys(modes))})"


def _at(cut: "Cut") -> str:
    return f" at {source_place(cut.source)}" if cut.source is not None else ""


def _elsewhere(cuts: "list[Cut]") -> str:
    more = len({cut.path for cut in cuts}) - 1
    return f", and so in {things(more, 'other module')}" if more > 0 else ""
