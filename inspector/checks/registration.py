"""Modules and tensors that PyTorch does not know of, because nothing registers them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding, Severity
from inspector.core.wording import shape, things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.gradient_flow import GradientFlow, Stranger
    from inspector.engine.pytorch.experiments.unregistered import Hidden

UNREGISTERED = rule(
    "NN101",
    "unregistered",
    "Modules, parameters and tensors kept in plain lists, dictionaries, closures, class attributes or plain "
    "attributes, "
    "and layers made anew in forward: parameters() and state_dict() do not hold them and .to() does not move them.",
    "An error for what requires gradients and is used in forward; a warning for it otherwise, and for tensors of more "
    "than one number that forward uses; information for modules that are frozen throughout, and for constants that no "
    "pass used. Looked for in attributes, three containers deep, and among the leaves that gradients of the output "
    "reach.",
    "torch.nn.Module.__setattr__, which registers Parameters, Modules and nothing else; autograd's "
    "AccumulateGrad nodes.",
)


@looks(UNREGISTERED)
def unregistered(evidence: Evidence) -> Iterator[Finding]:
    """By module and attribute, then what gradients reach that is kept nowhere."""
    from inspector.engine.pytorch.experiments.gradient_flow import gradient_flow
    from inspector.engine.pytorch.experiments.unregistered import unregistered as experiment

    hidden = evidence.of(experiment)
    try:
        flow = evidence.of(gradient_flow)
    except NotObservedError:
        flow = None
    told: set[tuple[type, str, str]] = set()
    for one in hidden:
        # A class that is used many times has the same fault in each of its places.
        which = (type(one.owner.module), one.attribute, one.kind)
        if which not in told:
            told.add(which)
            alike = [each for each in hidden if (type(each.owner.module), each.attribute, each.kind) == which]
            yield _hidden(one, alike, flow)
    if flow is not None:
        kept = {identity for one in hidden for identity in one.identities}
        yield from _strangers(flow, kept)


def _hidden(one: "Hidden", alike: "list[Hidden]", flow: "GradientFlow | None") -> Finding:
    from inspector.engine.pytorch.experiments.registering_patches import registering_patch

    tensors = [tensor for each in alike for tensor in each.tensors]
    elements = sum(tensor.numel() for tensor in tensors)
    ids = {identity for each in alike for identity in each.identities}
    used = flow is None or any(ids & run.operands for run in flow.passes)
    reached = flow is not None and any(stranger.identity in ids for run in flow.passes for stranger in run.strangers)
    trains = one.kind in ("parameter", "leaf", "result") or any(tensor.requires_grad for tensor in tensors)
    used = used or reached
    severity: Severity = "info"
    if trains:
        severity = (
            "error" if reached or (flow is None and one.kind != "constant") or one.kind == "result" else "warning"
        )
    elif (one.kind == "constant" and used and any(tensor.dim() for tensor in tensors)) or (
        one.kind == "module" and not tensors
    ):
        severity = "warning"
    places = f" in {len(alike)} modules" if len(alike) > 1 else ""
    observed = "used in forward" if used else "not used by the passes made here"
    observed = "gradients reach it, and no optimizer is given it" if reached else observed
    return finding(
        UNREGISTERED,
        severity,
        one.path,
        f"{one.path} {_what(one)}{places}: {_consequence(one, trains)}",
        f"{things(elements, 'element')} in {things(len(tensors), 'tensor')}"
        f"{' of ' + _counted(one.types) if one.types else ''}; {observed}",
        _fix(one),
        "a teacher or an average kept out on purpose, or a part that is registered elsewhere when the model is used"
        if one.kind == "module"
        else "a value that is filled in on every pass, such as a cache",
        one.source,
        patch=registering_patch(one) if severity != "info" else "",
    )


def _what(one: "Hidden") -> str:
    where = "is an attribute of the class" if one.on_class else f"is a plain {one.container}" if one.container else ""
    holding = f"{where} that holds" if where else ""
    if one.kind == "module":
        return f"{holding or 'keeps'} {_counted(one.types)} out of sight"
    number = len(one.tensors)
    if one.kind == "parameter":
        return f"{holding or 'keeps'} {things(number, 'Parameter')} out of sight"
    if one.kind == "leaf":
        return f"{holding or 'is'} a tensor that requires gradients and is no Parameter"
    if one.kind == "result":
        return f"{holding or 'is'} the result of a computation on a Parameter, and no Parameter itself"
    sizes = shape(list(one.tensors[0].shape))
    return (
        f"{holding or 'is'} a plain tensor ({sizes}{' and more' if number > 1 else ''}), neither parameter nor buffer"
    )


def _consequence(one: "Hidden", trains: bool) -> str:
    if one.kind == "module" and not one.tensors:
        return "eval() does not reach its dropout"
    return "not trained, not saved, not moved by .to()" if trains else "not saved and not moved by .to()"


def _fix(one: "Hidden") -> str:
    if one.kind == "module":
        kind = {"list": "nn.ModuleList", "tuple": "nn.ModuleList", "dict": "nn.ModuleDict"}.get(one.container, "")
        return f"wrap it in {kind}" if kind and not one.on_class else "register it: self.name = module in __init__"
    if one.kind == "parameter" and one.container:
        return f"wrap it in nn.Parameter{'Dict' if one.container == 'dict' else 'List'}"
    if one.kind in ("parameter", "leaf"):
        return "make it an nn.Parameter that is an attribute of the module"
    if one.kind == "result":
        return "compute first and make the result the Parameter: nn.Parameter(x * 0.1), not nn.Parameter(x) * 0.1"
    return f'self.register_buffer("{one.attribute}", …), with persistent=False where it need not be saved'


def _counted(types: list[str]) -> str:
    return ", ".join(f"{types.count(name)} {name}" for name in dict.fromkeys(types))


def _strangers(flow: "GradientFlow", kept: set[int]) -> Iterator[Finding]:
    """What gradients reach although it is found nowhere in the model: global, or made in forward."""
    told: set[object] = set()
    for run in flow.passes:
        for one in run.strangers:
            if one.identity in kept or (one.path, one.source) in told:
                continue
            told.add((one.path, one.source))
            same = [each for each in run.strangers if (each.path, each.source) == (one.path, one.source)]
            yield _stranger(same, all(one.identity in {s.identity for s in other.strangers} for other in flow.passes))


def _stranger(same: "list[Stranger]", stays: bool) -> Finding:
    one = same[0]
    sizes = ", ".join(shape(each.shape) for each in same)
    what = "a Parameter" if one.is_parameter else "a tensor that requires gradients"
    return finding(
        UNREGISTERED,
        "error" if one.is_parameter else "warning",
        one.path,
        f"forward uses {what} that no module registers: "
        + ("it is kept outside the model" if stays else "it is made anew on every call, and never learns"),
        f"gradients of the output reach {things(len(same), 'such tensor')} ({sizes})",
        "make it in __init__, as an attribute of the module",
        "a part of another model that is trained apart",
        one.source,
    )
