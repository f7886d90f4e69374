"""Whether initial weights fit what follows them: the activations, and the loss."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.mending import filled
from inspector.checks.rules import finding, looks, rule
from inspector.core.edits import Edit
from inspector.core.findings import Finding
from inspector.core.initialisers import INITIALISERS
from inspector.core.wording import number, things

if TYPE_CHECKING:
    from inspector.engine.activations import Activation

TOO_SMALL, TOO_LARGE = 1e-2, 1e2
LOSS_FACTOR, LOSS_MORE, LOGIT_STD = 1.5, 0.5, 3.0
SMALL_LOGITS = 0.01
"""Deviation of a last layer's weights with which the first guesses are about even."""

INIT_ACTIVATION_MISMATCH = rule(
    "NN405",
    "init-activation-mismatch",
    "Weights whose scale does not fit the activation behind them, over a chain of layers without normalisation.",
    "Product over the chain of gain/ideal gain, with gain = rms(w)·√fan_in and ideal gain = 1/√E[f(z)²] (√2 for ReLU, "
    f"1.59 for tanh, 1 without activation): a warning below {TOO_SMALL:g} or above {TOO_LARGE:g}.",
    "He et al. (2015) and Glorot and Bengio (2010) for the condition; torch's default has gain 1/√3.",
)
INITIAL_LOSS = rule(
    "NN503",
    "initial-loss",
    "A classifier whose first loss is far from that of guessing.",
    f"Cross-entropy with random labels above {LOSS_FACTOR}·ln C + {LOSS_MORE}, or logits with a deviation above "
    f"{LOGIT_STD:g}, of an output with C ≥ 2 classes whose weights nobody trained.",
    "Karpathy, A Recipe for Training Neural Networks (verify loss at init); TheDeepChecker (Ben Braiek and Khomh, "
    "2022); torch's default is within 17 % of ln C.",
)


@looks(INIT_ACTIVATION_MISMATCH)
def init_activation_mismatch(evidence: Evidence) -> Iterator[Finding]:
    """The worst chain."""
    if evidence.live.table().model.framework == "onnx":
        raise NotObservedError("an ONNX file holds a model that is done: how it began is not known")
    chains = _chains(evidence.activations.operations)
    from inspector.engine.pytorch.experiments.activations import IDEAL_GAINS

    worst, product = None, 1.0
    for chain in chains:
        factors = [
            (one.gain or 1.0) / IDEAL_GAINS.get(follower.through if follower else "", 1.0)
            for one, follower in zip(chain, [*chain[1:], None], strict=True)
        ]
        made = math.prod(factors)
        if made > 0 and abs(math.log(made)) > abs(math.log(product)):
            worst, product = chain, made
    if worst is None or TOO_SMALL <= product <= TOO_LARGE:
        return
    gains = [one.gain or 0.0 for one in worst]
    through = next((one.through for one in worst[1:] if one.through), "no activation")
    yield finding(
        INIT_ACTIVATION_MISMATCH,
        "warning",
        worst[0].path,
        f"the weights of {things(len(worst), 'layer')} in a row are too {'small' if product < 1 else 'large'} for "
        f"{through}: together they scale the signal by {number(product)}",
        f"gains rms(w)·√fan_in from {number(min(gains))} to {number(max(gains))}, ideal before {through} "
        f"{number(IDEAL_GAINS.get(through, 1.0))}; from {worst[0].path} to {worst[-1].path}",
        "kaiming_normal_(weight, nonlinearity='relu') for ReLU, xavier with its gain for tanh; or normalise between",
        "a trained model, whose biases and data make up for it",
        worst[0].source,
        edit=None if evidence.trained else _scaled_for(evidence, through),
    )


@looks(INITIAL_LOSS)
def initial_loss(evidence: Evidence) -> Iterator[Finding]:
    """Of the outputs that can be logits."""
    if evidence.trained:
        raise NotObservedError(f"only before training does it tell anything: {evidence.trained}")
    for one in evidence.activations.losses:
        guessing = math.log(one.classes)
        if one.loss > LOSS_FACTOR * guessing + LOSS_MORE or one.std > LOGIT_STD:
            yield finding(
                INITIAL_LOSS,
                "warning",
                one.path,
                f"the first loss is {number(one.loss)}; a guess among {one.classes:,} costs {number(guessing)}",
                f"{one.name}: logits with deviation {number(one.std)}; cross-entropy with random labels over "
                f"{evidence.activations.drawn}",
                "initialise the last layer with smaller weights, or normalise before it",
                "where this output is no logits: an embedding, a regression, a similarity that is scaled on purpose",
                one.source,
                edit=filled(evidence, f"{one.path}.weight", f"normal_(std={SMALL_LOGITS})"),
            )


def _scaled_for(evidence: Evidence, through: str) -> Edit | None:
    """All weights drawn for one activation; their layers' own way would have the same scale again."""
    names = {"no activation": "linear"}
    known = next(one for one in INITIALISERS["kaiming_normal_"].parameters if one.name == "nonlinearity").choices
    nonlinearity = names.get(through, through)
    if nonlinearity not in known:
        return None
    return filled(evidence, "*weight", f"kaiming_normal_(nonlinearity={nonlinearity})")


def _chains(operations: "list[Activation]") -> "list[list[Activation]]":
    """The longest stretches of weights of which each takes nothing but what the one before makes."""
    after = {one.before for one in operations if one.role == "weight" and one.before is not None and one.gain}
    found = []
    for place, one in enumerate(operations):
        if one.role != "weight" or not one.gain or place in after:
            continue
        chain = [one]
        while chain[0].before is not None and operations[chain[0].before].gain:
            chain.insert(0, operations[chain[0].before])
        found.append(chain)
    return found
