"""Defects that the values of tensors alone show."""

from collections.abc import Iterator

import numpy as np

from inspector.checks.evidence import Evidence
from inspector.checks.measuring import Measured
from inspector.checks.mending import drawn_anew, filled
from inspector.checks.rules import finding, looks, rule
from inspector.checks.still_default import by_owner, is_normalisation
from inspector.core.findings import Finding, Severity
from inspector.core.wording import number, things

UNREASONABLE = 1e8
DEAD_VARIANCE = 1e-10
ZERO_SCALE = 1e-8
"""Of a normalisation's weight: what it scales is then less than float32 rounds off beside a bias of 1."""
MANY_ROWS = 0.1
"""Share of equal rows above which they are no accident of a few units."""
_MASKS = ("mask", "bias")
_TABLES = ("mask", "index", "anchor")


NONFINITE_WEIGHTS = rule(
    "NN402",
    "nonfinite-weights",
    "Values that are NaN or Inf, variances below zero or at zero, and values that float16 cannot hold.",
    "Any NaN or Inf but -Inf in masks and Inf in single constants of a graph; "
    f"running_var < 0, or < {DEAD_VARIANCE:g} in some channels, an error in all; "
    f"|w| > 65504, the largest number of float16, and a warning above {UNREASONABLE:g}, where only memory nobody "
    "filled lies.",
    "IEEE 754 for float16; the mean-magnitude limit of TheDeepChecker (Ben Braiek and Khomh, 2022) for the last.",
)
DEGENERATE_INIT = rule(
    "NN403",
    "degenerate-init",
    "Weights with which units cannot become different: one value everywhere, equal rows, or a normalisation that "
    "multiplies channels by zero.",
    "All elements equal; any row equal to an earlier one and not one value throughout, a warning above "
    f"{MANY_ROWS:.0%} of the rows; |weight| of a normalisation < {ZERO_SCALE:g} in any channel.",
    "Goodfellow et al., Deep Learning, 8.4: parameters have to break the symmetry between units.",
)


@looks(NONFINITE_WEIGHTS)
def nonfinite_weights(evidence: Evidence) -> Iterator[Finding]:
    """Tensor by tensor."""
    for tensor in evidence.weights.measured:
        yield from _nonfinite(tensor, evidence)


@looks(DEGENERATE_INIT)
def degenerate_init(evidence: Evidence) -> Iterator[Finding]:
    """Tensor by tensor, then the normalisations."""
    for tensor in evidence.weights.measured:
        yield from _degenerate(tensor, evidence)
    yield from _zero_scales(evidence)


def _nonfinite(tensor: Measured, evidence: Evidence) -> Iterator[Finding]:
    def told(severity: Severity, message: str, shown: str, fix: str, may_be_wrong: str, anew: bool = True) -> Finding:
        edit = drawn_anew(evidence, tensor.key) if anew else None
        return finding(NONFINITE_WEIGHTS, severity, tensor.key, message, shown, fix, may_be_wrong, edit=edit)

    health = tensor.health
    is_mask = not health.nan and health.inf and health.low == health.high == 0 and _is_named(tensor, _MASKS)
    is_meant = is_mask or (tensor.is_constant and not health.nan)
    if (health.nan or health.inf) and not is_meant:
        yield told(
            "error",
            f"{tensor.key} holds values that are not finite",
            f"{health.nan:,} NaN and {health.inf:,} Inf of {things(health.elements, 'element')}",
            "take an earlier checkpoint, or initialise this tensor anew",
            "an attention mask kept as a buffer may hold -Inf on purpose",
        )
    if tensor.name == "running_var":
        if health.negative:
            yield told(
                "error",
                f"{tensor.key} is negative in places: the square root in eval mode is NaN there",
                f"{health.negative:,} of {things(health.elements, 'channel')}, the smallest {number(health.low)}",
                "run some batches in train mode, or initialise the statistics anew",
                "never: a variance is not negative",
            )
        elif health.low < DEAD_VARIANCE and tensor.channels is not None:
            dead, exactly = int((tensor.channels < DEAD_VARIANCE).sum()), health.zeros
            everywhere = dead == health.elements
            yield told(
                "error" if everywhere else "warning",
                f"{tensor.key} is {'near zero in every channel' if everywhere else 'near zero in some channels'}: "
                "what came in never varied there, and eval mode multiplies whatever does come by 1/√eps",
                f"{dead:,} of {things(health.elements, 'channel')} below {DEAD_VARIANCE:g}, {exactly:,} exactly 0",
                "run some batches in train mode, or initialise the statistics anew"
                if everywhere
                else "look for dead units before this layer",
                "a channel that is constant by design, such as padding",
                anew=everywhere,
            )
    if health.beyond_float16 and not tensor.dtype.startswith(("int", "uint", "complex")):
        sensible = health.largest <= UNREASONABLE
        yield told(
            "info" if sensible else "warning",
            f"{tensor.key} has values that float16 cannot hold"
            + ("" if sensible else ", larger than any trained weight"),
            f"{health.beyond_float16:,} of {things(health.elements, 'element')} beyond 65504, up to "
            f"{number(health.largest)}",
            "keep this tensor in float32 or bfloat16, or initialise it if nobody ever did",
            "where the model never runs in float16",
        )


def _degenerate(tensor: Measured, evidence: Evidence) -> Iterator[Finding]:
    health = tensor.health
    if len(tensor.shape) < 2 or health.elements < 2 or not tensor.dtype.startswith(("float", "bfloat")):
        return

    def told(severity: Severity, message: str, shown: str, fix: str, may_be_wrong: str) -> Finding:
        edit = drawn_anew(evidence, tensor.key, varied=True)
        return finding(DEGENERATE_INIT, severity, tensor.key, message, shown, fix, may_be_wrong, edit=edit)

    if health.constant:
        zero = health.low == 0
        yield told(
            "info" if zero else "error",
            f"{tensor.key} is {'all zero' if zero else 'one value everywhere'}",
            f"{things(health.elements, 'element')} of {number(health.low)}",
            "initialise it, for example with kaiming_uniform_",
            "zero on purpose: the last layer of a residual branch, LoRA's B, a ControlNet's zero convolution"
            if zero
            else "a tensor that is no weight, such as a fixed kernel of averaging",
        )
    elif health.equal_rows.repeated and not _is_named(tensor, _TABLES):
        equal = health.equal_rows
        share = equal.repeated / equal.rows
        which = ", ".join(f"row {at} = row {first}" for at, first in equal.examples)
        more = f" and {equal.repeated - len(equal.examples):,} more" if equal.repeated > len(equal.examples) else ""
        yield told(
            "warning" if share > MANY_ROWS and not equal.whole_numbers else "info",
            f"{tensor.key} repeats rows: equal units stay equal while they are trained",
            f"{equal.repeated:,} of {equal.rows:,} rows equal an earlier one: {which}{more}",
            "initialise those rows anew",
            "rows that are tied on purpose: copied tokens of a vocabulary, weights that share a code, a fixed kernel",
        )


def _zero_scales(evidence: Evidence) -> Iterator[Finding]:
    """Channels that a normalisation multiplies by zero, and whether a ReLU behind it could let anything through."""
    for owner, own in by_owner(evidence.weights.measured).items():
        named = {one.name: one for one in own}
        weight, bias = named.get("weight"), named.get("bias")
        if weight is None or weight.channels is None or not is_normalisation(own):
            continue
        zero = np.abs(weight.channels) < ZERO_SCALE
        if not zero.any():
            continue
        count, total, behind = int(zero.sum()), weight.health.elements, ""
        if bias is not None and bias.channels is not None and bias.channels.size == zero.size:
            shut = int((zero & (bias.channels <= 0)).sum())
            if shut:
                behind = f"; in {shut:,} of them the bias is not above 0, so that a ReLU behind is 0 for every input"
        untrained = count == total and all(one.health.constant for one in own if one.name != "num_batches_tracked")
        yield finding(
            DEGENERATE_INIT,
            "info" if untrained else "warning",
            weight.key,
            f"the normalisation {owner} multiplies {'every channel' if count == total else 'some channels'} by zero: "
            "what it puts out there is its bias, whatever comes in",
            f"{count:,} of {things(total, 'channel')} with |weight| < {ZERO_SCALE:g}, {weight.health.zeros:,} exactly "
            f"0{behind}",
            "initialise the weight to 1 there, or prune the channels",
            "the last normalisation of a residual branch, which starts at zero on purpose; channels that were pruned",
            edit=filled(evidence, weight.key, "ones_") if count == total else None,
        )


def _is_named(tensor: Measured, words: tuple[str, ...]) -> bool:
    return any(word in tensor.name for word in words)
