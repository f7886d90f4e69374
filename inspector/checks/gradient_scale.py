"""Gradients that die out or blow up on their way back."""

from collections.abc import Iterator

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.wording import number

VANISHING, GONE, EXPLODING = 1e-3, 1e-6, 1e2
TINY, HUGE = 1e-9, 1e6
ENDS = 2
"""Weights at either end of which the larger norm counts: one may be a gate or a projection."""

GRADIENT_SCALE = rule(
    "NN304",
    "gradient-scale",
    "Gradients of the first layers that are far smaller or larger than those of the last.",
    "gradient norm of the first weights / of the last ones, for a random projection of the outputs: a warning "
    f"below {VANISHING:g} or above {EXPLODING:g}, an error below {GONE:g}; a warning where rms(gradient)/rms(weight) "
    f"of every weight is below {TINY:g} or above {HUGE:g}.",
    "Measured at initialisation: healthy networks 0.018 to 3.7, ten sigmoid layers 3e-9, VGG16 without normalisation "
    "2.4e-5; the ratio is AutoTrainer's (Zhang et al., ICSE 2021).",
)


@looks(GRADIENT_SCALE)
def gradient_scale(evidence: Evidence) -> Iterator[Finding]:
    """First weights against last ones, then all of them."""
    if evidence.live.table().model.framework == "onnx":
        raise NotObservedError("an ONNX graph has no gradients")
    from inspector.engine.pytorch.experiments.gradients import gradients

    found = evidence.of(gradients)
    weights = [one for one in found.weights if one.norm > 0]
    if len(weights) < 2:
        raise NotObservedError("fewer than two weights get a gradient")
    ends = min(ENDS, len(weights) // 2)
    first = max(weights[:ends], key=lambda one: one.norm)
    last = max(weights[-ends:], key=lambda one: one.norm)
    ratio = first.norm / last.norm
    told = (
        f"‖g‖ of {first.key} {number(first.norm)}, of {last.key} {number(last.norm)}: ratio {number(ratio)}; "
        f"rms(g)/rms(w) {number(first.ratio)} and {number(last.ratio)}"
    )
    if ratio < VANISHING:
        yield finding(
            GRADIENT_SCALE,
            "error" if ratio < GONE else "warning",
            first.key,
            "the gradient vanishes on its way back: the first layers hardly learn",
            told,
            "ReLU instead of sigmoid, kaiming or xavier initialisation, normalisation, skip connections",
            "a last layer that is far larger than the others, or inputs that hardly matter at the start",
            first.source,
        )
    elif ratio > EXPLODING:
        yield finding(
            GRADIENT_SCALE,
            "warning",
            first.key,
            "the gradient explodes on its way back: the first layers are thrown about",
            told,
            "smaller initial weights (kaiming, xavier, orthogonal for recurrent ones), normalisation, clip gradients",
            "a first layer whose weights are shared by very many positions",
            first.source,
        )
    elif all(one.ratio < TINY for one in weights) or all(one.ratio > HUGE for one in weights):
        tiny = weights[0].ratio < TINY
        yield finding(
            GRADIENT_SCALE,
            "warning",
            first.key,
            f"every gradient is very {'small' if tiny else 'large'} beside its weight",
            told,
            "initialise so that each layer keeps the scale of what it takes (kaiming, xavier)",
            "where the loss is scaled to make up for it",
            first.source,
        )
