"""Parameters that are not trained, and those that were meant not to be."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence
from inspector.checks.gradients import keys_told
from inspector.checks.mending import unfrozen
from inspector.checks.rules import finding, looks, rule
from inspector.core.edits import Edit
from inspector.core.findings import Finding
from inspector.core.wording import percent, source_place, things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.freezing import Freezing, Ineffective

FREEZING = rule(
    "NN106",
    "freezing",
    "Models without anything to train, frozen layers between trainable ones, and statements that were to freeze or "
    "unfreeze and do nothing: misspelt attributes, requires_grad set on a module, a comparison instead of an "
    "assignment.",
    "An error for a statement that does nothing while the parameters are not as it says, and for a model without a "
    "trainable parameter in train mode, a warning for one in eval mode; a warning for frozen layers with a weight "
    "between trainable ones where less than half of the elements are frozen; information for other frozen shares. A "
    "name is a misspelling from a similarity to requires_grad of 0.85.",
    "torch.nn.Module, on which requires_grad is no attribute; TorchFix TOR002 for the misspelling.",
)
MOST = 0.5
"""Of the elements frozen, from which the trainable layers are the exception: adapters, a new head."""


@looks(FREEZING)
def freezing(evidence: Evidence) -> Iterator[Finding]:
    """What does nothing, then what is frozen."""
    from inspector.engine.pytorch.experiments.freezing import freezing as experiment

    found = evidence.of(experiment)
    for one in found.ineffective:
        yield _ineffective(one)
    if not found.parameters or not found.frozen:
        return
    if len(found.frozen) == found.parameters:
        yield _all_frozen(found, evidence.live.table().model.training)
    elif found.between:
        yield _between(found)
    else:
        yield _share(found)


def _ineffective(one: "Ineffective") -> Finding:
    at = f" at {source_place(one.source)}" if one.source is not None else ""
    if one.value is None:
        told, shown = f"a comparison{at} stands where an assignment to requires_grad is meant, and does nothing", "=="
        fix = "= instead of =="
    elif one.on_module:
        told = f"{one.name} is set on the module {one.path or 'itself'}{at}: PyTorch does not look there"
        fix = f"module.requires_grad_({one.value})"
    else:
        told = f"{one.name} is set on {one.path}{at}: the attribute is called requires_grad"
        fix = f"parameter.requires_grad = {one.value}"
    if one.value is not None:
        opposite = "are trained all the same" if not one.value else "stay frozen"
        shown = f"{one.name} = {one.value} in {things(one.places, 'place')}; the parameters " + (
            opposite if one.contradicted else "are as it says, for another reason"
        )
    return finding(
        FREEZING,
        "error" if one.contradicted else "info",
        one.path,
        told,
        shown,
        fix,
        "an attribute of that name that your own code reads",
        one.source,
        patch=one.patch,
        edit=Edit(action="requires_grad", where=one.path, argument=str(one.value))
        if one.contradicted and isinstance(one.value, bool) and one.places == 1
        else None,
    )


def _all_frozen(found: "Freezing", training: bool) -> Finding:
    return finding(
        FREEZING,
        "error" if training else "warning",
        "",
        "every parameter is frozen: there is nothing to train",
        f"requires_grad is False for all {things(found.parameters, 'parameter')}, {found.elements:,} elements",
        "model.requires_grad_(True), or for the layers that are to be trained",
        "a model that is used and not trained",
        edit=unfrozen(""),
    )


def _between(found: "Freezing") -> Finding:
    few = found.frozen_elements < MOST * found.elements
    return finding(
        FREEZING,
        "warning" if few else "info",
        found.between[0],
        f"{things(len(found.between), 'frozen layer')} between trainable ones: {keys_told(list(found.between))}",
        f"{len(found.between)} of {things(found.weights, 'layer')} with a weight; {_frozen_told(found)}",
        f"model.get_submodule({found.between[0]!r}).requires_grad_(True), unless it is meant",
        "adapters such as LoRA beside frozen layers, fixed features, a part that was trained before",
        edit=unfrozen(found.between[0]),
    )


def _share(found: "Freezing") -> Finding:
    return finding(
        FREEZING,
        "info",
        "",
        f"part of the model is frozen: {_frozen_told(found)}",
        f"{keys_told(list(found.frozen))}",
        "requires_grad_(True) trains them",
        "fine-tuning of the last layers",
        edit=unfrozen(""),
    )


def _frozen_told(found: "Freezing") -> str:
    share = percent(found.frozen_elements / found.elements if found.elements else None)
    return f"{len(found.frozen):,} of {things(found.parameters, 'parameter')}, {share} of the elements"
