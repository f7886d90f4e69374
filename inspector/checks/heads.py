"""Softmax where it does not belong, and matrices with nothing between them."""

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.findings import Finding
from inspector.core.table import Source
from inspector.core.wording import number, shape, things
from inspector.engine.pytorch.source_edits import patch, with_keyword
from inspector.engine.pytorch.user_source import calls_on_line

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.flow import Final, Flow, Node

SOFTMAX_MISUSE = rule(
    "NN501",
    "softmax-misuse",
    "Softmax over the batch, over one class, without a dim, twice, or in front of a loss that applies it itself.",
    "Outputs in [0, 1] that sum to 1 ± 0.001 along exactly one axis; what softmax is given likewise. Losses are looked "
    "for by name in the file of the model.",
    "The documentation of torch.nn.CrossEntropyLoss, which takes unnormalised logits: on probabilities of C classes it "
    "cannot go below ln(e + C − 1) − 1.",
)
_SOFTMAX = {"softmax", "log_softmax"}
_FUSED = re.compile(r"CrossEntropyLoss|\bcross_entropy\(")
_BINARY = re.compile(r"BCEWithLogitsLoss|binary_cross_entropy_with_logits")
_NEGATIVE = re.compile(r"\bNLLLoss|\bnll_loss\(")
_LOG = re.compile(r"\.log\(|torch\.log\(")


@looks_at_module(SOFTMAX_MISUSE)
def softmax_misuse(evidence: Evidence) -> Iterator[Finding]:
    """Call by call, then the outputs."""
    from inspector.engine.pytorch.experiments.flow import flow
    from inspector.engine.pytorch.experiments.model_source import model_source

    found = evidence.of(flow)
    told: set[tuple[str, int | None]] = set()
    for node in found.nodes:
        at = node.path, node.source.line if node.source is not None else None
        if node.name in _SOFTMAX and at not in told:
            for each in _of_call(evidence, found, node):
                told.add(at)
                yield each
        elif node.name in ("cross_entropy", "nll_loss"):
            yield from _of_loss(node)
    text = evidence.of(model_source).code
    for place, final in enumerate(found.outputs):
        yield from _of_output(found, place, final, text)


_told = partial(finding, SOFTMAX_MISUSE)


def _of_call(evidence: Evidence, flow: "Flow", node: "Node") -> Iterator[Finding]:
    given = node.operands[0]
    dim = node.settings.get("dim")
    if dim is None:
        implied, of_classes = 0 if len(given) in (0, 1, 3) else 1, _axis_of_classes(flow, node)
        told = _told(
            "warning",
            node.path,
            f"{node.type} is not told along which axis: torch takes {implied} for a tensor of {len(given)} axes",
            f"given {shape(given)}; of 0, 1 or 3 axes torch takes the first, else the second",
            f"name the axis of the classes: dim={of_classes}",
            "where that is the axis that was meant",
            node.source,
        )
        yield replace(told, patch=_with_dim(evidence, node, str(of_classes)))
        dim = implied
    if not isinstance(dim, int) or not given:
        return
    axis = dim % len(given)
    if given[axis] == 1:
        yield _told(
            "error",
            node.path,
            f"{node.type} normalises over a single element: its result is {1 if node.name == 'softmax' else 0} "
            "everywhere, whatever comes in",
            f"given {shape(given)}, dim {dim}",
            "take sigmoid for a single score, or give the layer before it as many outputs as there are classes",
            "a model made for a variable number of classes, given one",
            node.source,
        )
    elif flow.samples is not None and axis == 0 and len(given) == 2 and given[0] == flow.samples:
        # Of the samples: their number was chosen, and no other size of the model need be the same.
        if any(final.sums == [0] and final.shape == given for final in flow.outputs):
            return
        yield _told(
            "warning",
            node.path,
            f"{node.type} normalises over the samples of the batch",
            f"given {shape(given)} of {flow.samples} samples, dim {dim}",
            "normalise over the classes: dim=1",
            "where the first axis is not that of the samples",
            node.source,
        )
    if node.given_sums == [axis]:
        yield _told(
            "error",
            node.path,
            f"{node.type} is given probabilities already: softmax twice",
            f"what it is given sums to 1 along axis {axis}; of {given[axis]} classes the most certain can become "
            f"{number(math.e / (math.e + given[axis] - 1))}, not 1",
            "leave out one of the two",
            "where weights that sum to 1 are sharpened on purpose",
            node.source,
        )


def _axis_of_classes(flow: "Flow", node: "Node") -> int:
    """Behind a convolution the second axis, else the last."""
    if len(node.operands[0]) == 2:
        return 1
    nodes, waiting = {one.number: one for one in flow.nodes}, [node.number]
    for at in waiting:
        one = nodes.get(at)
        if one is not None and one.is_weighted:
            return 1 if one.name.startswith("conv") else -1
        waiting += sorted(one.parents - set(waiting)) if one is not None else []
    return -1


def _with_dim(evidence: Evidence, node: "Node", dim: str) -> str:
    from inspector.engine.pytorch.experiments.constructor_lines import constructor_lines

    if node.source is not None and node.is_users:
        calls = calls_on_line(node.source, node.name)
        return patch(with_keyword(node.source.file, calls[0], "dim", dim)) if len(calls) == 1 else ""
    return evidence.of(constructor_lines).with_keyword(node.path, "dim", dim)


def _of_loss(node: "Node") -> Iterator[Finding]:
    if 1 in node.given_sums or (len(node.operands[0]) == 1 and node.given_sums):
        classes = node.operands[0][min(1, len(node.operands[0]) - 1)]
        yield _told(
            "error",
            node.path,
            f"{node.type} is given probabilities, and takes {_wanted(node.name)}",
            _floor(classes) if node.name == "cross_entropy" else "what it is given sums to 1 along the classes",
            "give it the values before the softmax" if node.name == "cross_entropy" else "take log_softmax",
            "never: the loss is another one then",
            node.source,
        )


def _wanted(name: str) -> str:
    return (
        "logits, to which it applies log-softmax itself" if name == "cross_entropy" else "logarithms of probabilities"
    )


def _floor(classes: int) -> str:
    low = math.log(math.e + classes - 1) - 1
    high = math.log(math.e * 1 + classes - 1)
    return (
        f"cross-entropy of probabilities of {classes} classes cannot go below ln(e + {classes} − 1) − 1 = {low:.3f} or "
        f"above {high:.3f}"
    )


def _of_output(flow: "Flow", place: int, final: "Final", text: str) -> Iterator[Finding]:
    maker = flow.nodes[final.maker] if final.maker is not None and final.maker >= 0 else None
    path, source = (maker.path, maker.source) if maker is not None else ("", None)
    last = _last_squashing(flow, final)
    if len(final.sums) == 1 and len(final.shape) > 1:
        axis = final.sums[0]
        if axis == 0 and flow.samples is not None and final.shape[0] == flow.samples:
            yield _told(
                "error",
                path,
                f"output {place} sums to 1 over the samples of the batch, not over the classes",
                f"{shape(final.shape)} of {flow.samples} samples: every column sums to 1",
                "normalise over the classes: dim=1",
                "where the first axis is not that of the samples",
                source,
            )
            return
        if place and not _FUSED.search(text):
            return
        yield from _probabilities(place, final, axis, path, source, text)
    elif last is not None and last.name == "sigmoid" and _BINARY.search(text):
        yield _told(
            "error",
            path,
            f"output {place} went through sigmoid, and the file trains with a loss that applies it itself",
            f"between {number(final.low)} and {number(final.high)}; BCEWithLogits of values in [0, 1] stays above "
            f"ln(1 + 1/e) = {math.log(1 + 1 / math.e):.3f} for a positive",
            "leave out the sigmoid, or take BCELoss",
            "where that loss is for another output",
            source,
        )


def _probabilities(
    place: int, final: "Final", axis: int, path: str, source: Source | None, text: str
) -> Iterator[Finding]:
    classes = final.shape[axis]
    fused, negative = bool(_FUSED.search(text)), bool(_NEGATIVE.search(text)) and not _LOG.search(text)
    if fused:
        message = f"output {place} is probabilities, and the file trains with cross-entropy, which takes logits"
        fix = "leave out the softmax in forward, and apply it where probabilities are shown"
    elif negative:
        message = f"output {place} is probabilities, and the file trains with NLLLoss, which takes their logarithms"
        fix = "take log_softmax in the place of softmax"
    else:
        message = f"output {place} is probabilities: a loss that takes logits cannot be used on it"
        fix = "return the values before the softmax if the model is trained with cross-entropy"
    yield _told(
        "error" if fused or negative else "warning" if axis == 1 or axis == len(final.shape) - 1 else "info",
        path,
        message,
        f"{shape(final.shape)} sums to 1 along axis {axis}; {_floor(classes)}",
        fix,
        "a model that is only used, not trained; weights of attention that are returned; a loss on probabilities",
        source,
    )


def _last_squashing(flow: "Flow", final: "Final") -> "Node | None":
    """The last node that did more than rearrange an output."""
    at = final.maker
    while at is not None and at >= 0:
        node = flow.nodes[at]
        if node.name not in ("view", "reshape", "squeeze", "flatten", "unsqueeze", "getitem", "contiguous"):
            return node
        at = next(iter(node.parents), None)
    return None


NO_NONLINEARITY = rule(
    "NN502",
    "no-nonlinearity",
    "Layers with weights that follow each other with nothing but affine functions between: together they are one.",
    "Call by call f(a + b) − f(a) − f(b) + f(0) within 1e-4 of the largest value; of the whole model in float64 within "
    "1e-9. Two layers or more; not where the first makes fewer features than both ends have, which is a factorisation.",
    "Minsky and Papert's remark on linear units; measured 2e-16 for linear stacks, 0.4 with a ReLU.",
)


@looks_at_module(NO_NONLINEARITY)
def no_nonlinearity(evidence: Evidence) -> Iterator[Finding]:
    """The model as a whole, else the spans within it."""
    from inspector.engine.pytorch.experiments.affine import affine_model
    from inspector.engine.pytorch.experiments.flow import flow

    found = evidence.of(flow)
    taking_part = found.leading_to_outputs()
    weighted = [node for node in taking_part if node.is_weighted]
    if len(weighted) > 1 and all(node.affine for node in taking_part):
        whole = evidence.of(affine_model)
        if whole.is_affine:
            yield finding(
                NO_NONLINEARITY,
                "warning",
                "",
                f"the whole model is one affine map: its {len(weighted)} layers do what a single one could",
                f"f(a+b) − f(a) − f(b) + f(0) is {number(whole.residual)} of f(a), in {whole.dtype}",
                "put a nonlinearity, such as ReLU, between the layers",
                "a linear model in factors on purpose: low rank, whitening, a linear probe",
                next(iter(evidence.live.lines_about("")), None),
            )
            return
    yield from _spans(found)


def _spans(flow: "Flow") -> Iterator[Finding]:
    within: set[int] = set()
    for node in flow.nodes:
        if not node.is_weighted or not node.affine or node.number in within:
            continue
        chain = [node]
        for after in flow.solely_from(node.number):
            if after.is_weighted and not _is_factorisation(chain[-1], after):
                chain.append(after)
        if len(chain) < 2:
            continue
        within |= {each.number for each in chain}
        names = " and ".join(each.path or each.type for each in chain[:3]) + (" …" if len(chain) > 3 else "")
        yield finding(
            NO_NONLINEARITY,
            "info",
            chain[0].path,
            f"{names} follow each other with nothing but affine functions between",
            f"{things(len(chain), 'layer')} with weights {', '.join(shape(each.weights[0]) for each in chain)}: "
            "each call between them is additive on random values",
            "put a nonlinearity between them, or make them one layer",
            "a factorisation on purpose: bottleneck, LoRA, depthwise and pointwise, projections of attention",
            chain[-1].source,
        )


def _is_factorisation(first: "Node", second: "Node") -> bool:
    if any(isinstance(each.settings.get("groups"), int) and each.settings["groups"] > 1 for each in (first, second)):
        return True
    inner, outer = first.results[0], second.results[0]
    made, given = _features(first, inner), _features(first, first.operands[0])
    return made < min(given, _features(second, outer))


def _features(node: "Node", sizes: list[int]) -> int:
    axis = 1 if node.name.startswith("conv") else -1
    return sizes[axis] if len(sizes) > 1 else sizes[0] if sizes else 1
