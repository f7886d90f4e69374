"""Parameters that should be one and are not, and those that are one without anybody meaning it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.gradients import keys_told
from inspector.checks.rules import finding, looks, rule
from inspector.core.edits import Edit
from inspector.core.findings import Finding, Severity
from inspector.core.wording import things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.ties import Alike, LostTie, Repeated

TIE_LOST = rule(
    "NN104",
    "tie-lost",
    "Parameters that a line ties or that hold the same values, and are two; two Parameters on one memory; one layer "
    "registered several times in a container; layers that start as copies; files with different values for what the "
    "model ties.",
    "Same values: all elements equal, as they are or transposed, at least 16 of them and not all the same. An error "
    "where a line of __init__ ties what is apart now, or a file has two values for one parameter; a warning for equal "
    "values in different kinds of layers, for one memory, and for containers such as [layer] * n; information "
    "for other "
    "sharing and for layers that start equal.",
    "torch.nn.Module.load_state_dict(assign=True) and .to('meta'), which part what was tied; "
    "nn.TransformerEncoder, which "
    "copies its layer.",
)


@looks(TIE_LOST)
def tie_lost(evidence: Evidence) -> Iterator[Finding]:
    """Ties lost, layers repeated, layers alike, then the file of weights."""
    from inspector.engine.pytorch.experiments.ties import ties

    found = evidence.of(ties)
    for lost in found.lost:
        yield _lost(lost)
    for repeated in found.repeated:
        yield _repeated(repeated)
    loaded = evidence.live.recipe.weights is not None
    if found.alike:
        yield _alike(found.alike, loaded)
    if loaded and found.tied:
        yield from _file_against_ties(evidence, found.tied)


def _lost(lost: "LostTie") -> Finding:
    told = {
        "stated": f"{lost.second} is tied to {lost.first} by a line of the source, and is another parameter now",
        "copied": f"{lost.second} holds the values of {lost.first}"
        f"{' transposed' if lost.transposed else ''}, and is another parameter: training will part them",
        "memory": f"{lost.first} and {lost.second} look into the same memory, and are two Parameters",
    }[lost.why]
    shown = {
        "stated": "of the same shape, in memory of their own: something replaced one of them after the line",
        "copied": "every element is equal, in memory of their own",
        "memory": "each gets a part of the gradient and a step of its own; .to() gives them memory of their own",
    }[lost.why]
    in_constructor = lost.why == "stated"
    severity: Severity = "error" if in_constructor else "warning"
    return finding(
        TIE_LOST,
        severity,
        lost.second,
        told,
        f"{things(lost.elements, 'element')} each; {shown}",
        f"assign the Parameter itself, after everything that replaces one: {lost.second} = {lost.first}",
        "a method that ties only when it is called"
        if in_constructor
        else "a copy that is only the start, from which both are to go their own ways",
        lost.source,
        edit=None if lost.transposed else Edit(action="tie", where=lost.second, argument=lost.first),
    )


def _repeated(repeated: "Repeated") -> Finding:
    names = ", ".join(repeated.names[:4]) + (" …" if len(repeated.names) > 4 else "")
    return finding(
        TIE_LOST,
        "warning" if repeated.by_accident else "info",
        repeated.path,
        f"{repeated.path or 'the model'} holds one and the same {repeated.type} {len(repeated.names)} times: {names}",
        f"{things(repeated.elements, 'element')} in all of them together, not in each",
        "make each anew: nn.ModuleList([Layer() for _ in range(n)]) instead of [layer] * n",
        "a network that repeats a layer on purpose, as recurrent and universal ones do",
    )


def _alike(alike: "tuple[Alike, ...]", loaded: bool) -> Finding:
    first, layers = alike[0], sum(len(one.paths) for one in alike)
    return finding(
        TIE_LOST,
        "warning" if loaded else "info",
        first.paths[0],
        f"{things(layers, 'layer')} {'hold' if loaded else 'start with'} the same values as others: "
        f"{keys_told(list(first.paths))}",
        f"{sum(one.elements for one in alike):,} elements equal those of another layer of the same kind; "
        f"first {first.type} {first.paths[0]} = {first.paths[1]}",
        "tie them, if the file's model did" if loaded else "initialise each anew, for example with reset_parameters()",
        "nn.TransformerEncoder and copy.deepcopy copy a layer; they differ after the first steps where their inputs do",
    )


def _file_against_ties(evidence: Evidence, tied: tuple[tuple[str, ...], ...]) -> Iterator[Finding]:
    """What the model ties and the file has two values for: the one read last has won."""
    from inspector.files.values.reading import read_tensor

    try:
        catalog, load = evidence.catalog, evidence.load
    except NotObservedError:
        return
    stored = {tensor.key: tensor for tensor in catalog.tensors}
    for keys in tied:
        names = {key: load.sources.get(key, [key]) for key in keys}
        there = [stored[name[0]] for name in names.values() if len(name) == 1 and name[0] in stored]
        if len(there) < 2:
            continue
        first, *others = (np.asarray(read_tensor(catalog, tensor), dtype=np.float64) for tensor in there)
        apart = [float(np.abs(first - other).max()) for other in others if other.shape == first.shape and other.size]
        if apart and max(apart) > 0:
            yield finding(
                TIE_LOST,
                "error",
                keys[0],
                f"{' and '.join(keys[:2])} are one parameter here, and the file has two values for it: one was lost",
                f"{there[0].key} and {there[1].key} differ by up to {max(apart):.4g} in {there[0].elements:,} elements",
                "untie them in the model, or take a file that was saved from a model that ties them",
                "where the value that was kept is the right one",
            )
