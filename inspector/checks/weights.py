"""Defects that the values of tensors alone show."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from inspector.checks.rules import rule
from inspector.core.findings import Finding, Rule, Severity, by_severity
from inspector.core.wording import number, things
from inspector.files.values.health import Health

UNREASONABLE = 1e8
FEWEST = 64
"""Values below which a distribution is not told from chance."""
DEAD_VARIANCE = 1e-10
_MASKS = ("mask", "bias")
_ONES_AND_ZEROS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}


NONFINITE_WEIGHTS = rule(
    "NN402",
    "nonfinite-weights",
    "Values that are NaN or Inf, variances below zero or at zero, and values that float16 cannot hold.",
    f"Any NaN or Inf but -Inf in masks; running_var < 0, or < {DEAD_VARIANCE:g} in some channels; |w| > 65504, the "
    f"largest number of float16, and a warning above {UNREASONABLE:g}, where only memory nobody filled lies.",
    "IEEE 754 for float16; the mean-magnitude limit of TheDeepChecker (Ben Braiek and Khomh, 2022) for the last.",
)
DEGENERATE_INIT = rule(
    "NN403",
    "degenerate-init",
    "Weights with which units cannot become different: one value everywhere, or equal rows.",
    "All elements equal, or more than half of the rows equal to an earlier one and not zero.",
    "Goodfellow et al., Deep Learning, 8.4: parameters have to break the symmetry between units.",
)
STILL_DEFAULT = rule(
    "NN404",
    "still-default",
    "Layers whose values are as torch made them although others are trained.",
    "Uniform: 1 - 12/n < max|w|·√fan_in ≤ 1 and std·√3·√fan_in within max(4·√(0.2/n), 0.002) of 1, kurtosis "
    "within 4·√(1.32/n) of 1.8. Normal: mean, "
    "deviation and kurtosis within 4 standard errors of 0, 1 and 3. Normalisations: 1 and 0 "
    "everywhere.",
    "The constructors of torch.nn: kaiming_uniform_ with a = √5, normal_, ones_ and zeros_.",
)


class Measured(NamedTuple):
    """A tensor with what its values tell."""

    key: str
    shape: list[int]
    dtype: str
    health: Health

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """The rest of its key."""
        return self.key.rpartition(".")[0]


def check_weights(tensors: Iterable[Measured]) -> list[Finding]:
    """All findings of this family over tensors with at least one element, most severe first."""
    measured = list(tensors)
    found = [finding for tensor in measured for finding in (*_nonfinite(tensor), *_degenerate(tensor))]
    return by_severity(found + list(_still_default(measured)))


def _finding(
    rule: Rule, severity: Severity, path: str, message: str, evidence: str, fix: str, may_be_wrong: str
) -> Finding:
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=severity,
        path=path,
        message=message,
        evidence=evidence,
        fix=fix,
        may_be_wrong=may_be_wrong,
    )


def _nonfinite(tensor: Measured) -> Iterator[Finding]:
    def finding(severity: Severity, message: str, evidence: str, fix: str, may_be_wrong: str) -> Finding:
        return _finding(NONFINITE_WEIGHTS, severity, tensor.key, message, evidence, fix, may_be_wrong)

    health = tensor.health
    is_mask = not health.nan and health.inf and health.low == health.high == 0 and _is_named(tensor, _MASKS)
    if (health.nan or health.inf) and not is_mask:
        yield finding(
            "error",
            f"{tensor.key} holds values that are not finite",
            f"{health.nan:,} NaN and {health.inf:,} Inf of {things(health.elements, 'element')}",
            "take an earlier checkpoint, or initialise this tensor anew",
            "an attention mask kept as a buffer may hold -Inf on purpose",
        )
    if tensor.name == "running_var":
        if health.negative:
            yield finding(
                "error",
                f"{tensor.key} is negative in places: the square root in eval mode is NaN there",
                f"{health.negative:,} of {things(health.elements, 'channel')}, the smallest {number(health.low)}",
                "run some batches in train mode, or initialise the statistics anew",
                "never: a variance is not negative",
            )
        elif health.low < DEAD_VARIANCE and not health.constant:
            yield finding(
                "warning",
                f"{tensor.key} has channels that never vary: their BatchNorm is dead",
                f"the smallest variance is {number(health.low)}; {things(health.zeros, 'channel')} exactly 0",
                "look for dead units before this layer",
                "a channel that is constant by design, such as padding",
            )
    if health.beyond_float16 and not tensor.dtype.startswith(("int", "uint", "complex")):
        sensible = health.largest <= UNREASONABLE
        yield finding(
            "info" if sensible else "warning",
            f"{tensor.key} has values that float16 cannot hold"
            + ("" if sensible else ", larger than any trained weight"),
            f"{health.beyond_float16:,} of {things(health.elements, 'element')} beyond 65504, up to "
            f"{number(health.largest)}",
            "keep this tensor in float32 or bfloat16, or initialise it if nobody ever did",
            "where the model never runs in float16",
        )


def _degenerate(tensor: Measured) -> Iterator[Finding]:
    health = tensor.health
    if len(tensor.shape) < 2 or health.elements < 2 or not tensor.dtype.startswith(("float", "bfloat")):
        return

    def finding(severity: Severity, message: str, evidence: str, fix: str, may_be_wrong: str) -> Finding:
        return _finding(DEGENERATE_INIT, severity, tensor.key, message, evidence, fix, may_be_wrong)

    if health.constant:
        zero = health.low == 0
        yield finding(
            "info" if zero else "error",
            f"{tensor.key} is {'all zero' if zero else 'one value everywhere'}",
            f"{things(health.elements, 'element')} of {number(health.low)}",
            "initialise it, for example with kaiming_uniform_",
            "zero on purpose: the last layer of a residual branch, LoRA's B, a ControlNet's zero convolution"
            if zero
            else "a tensor that is no weight, such as a fixed kernel of averaging",
        )
    elif health.rows and health.repeated_rows > health.rows // 2:
        yield finding(
            "warning",
            f"{tensor.key} repeats its rows: equal units stay equal while they are trained",
            f"{health.repeated_rows:,} of {health.rows:,} rows equal an earlier one",
            "initialise it anew",
            "a table or a kernel that is made of equal rows by design",
        )


def _still_default(tensors: list[Measured]) -> Iterator[Finding]:
    """Only beside tensors that are not: a model that was never trained is default everywhere."""
    weights = [tensor for tensor in tensors if len(tensor.shape) >= 2 and tensor.health.elements >= FEWEST]
    default = [tensor for tensor in weights if default_distribution(tensor)]
    trained = len(weights) - len(default)
    if not default:
        return
    may_be_wrong = "a layer that is kept at its random start on purpose"
    if not trained:
        yield _finding(
            STILL_DEFAULT,
            "info",
            "",
            "every weight is distributed as at its initialisation: nothing here was trained",
            f"{things(len(default), 'tensor')}, for example {default[0].key}: {default_distribution(default[0])}",
            "look for a checkpoint from after training",
            may_be_wrong,
        )
        return
    for tensor in default:
        yield _finding(
            STILL_DEFAULT,
            "warning",
            tensor.key,
            f"{tensor.key} is distributed as at its initialisation, while {things(trained, 'other tensor')} are not",
            default_distribution(tensor),
            "train it, or load the file that has it",
            may_be_wrong,
        )
    yield from _untouched_norms(tensors)


def _untouched_norms(tensors: list[Measured]) -> Iterator[Finding]:
    by_owner: dict[str, list[Measured]] = {}
    for tensor in tensors:
        by_owner.setdefault(tensor.owner, []).append(tensor)
    norms = {
        owner: own
        for owner, own in by_owner.items()
        if any(one.name == "running_var" for one in own) or all(len(one.shape) == 1 for one in own)
    }
    for owner, own in norms.items():
        known = [one for one in own if one.name in _ONES_AND_ZEROS]
        untouched = [one for one in known if one.health.constant and one.health.low == _ONES_AND_ZEROS[one.name]]
        if len(untouched) == len(known) >= 2 and "weight" in {one.name for one in known}:
            yield _finding(
                STILL_DEFAULT,
                "warning",
                owner,
                f"the normalisation {owner} is as it was made, while other tensors are trained",
                ", ".join(f"{one.name} = {number(one.health.low)} everywhere" for one in untouched),
                "train it, or load the file that has it",
                "a normalisation that is frozen, or that no data went through",
            )


def default_distribution(tensor: Measured) -> str:
    """The distribution that torch starts such a weight with, where its values have it, with the evidence; else ""."""
    health = tensor.health
    count, fan_in = health.elements, math.prod(tensor.shape[1:])
    if count < FEWEST or not fan_in or health.nan or health.inf or health.std == 0:
        return ""
    bound = 1 / math.sqrt(fan_in)
    reaches = 1 - 12 / count < health.largest / bound <= 1 + _rounding(tensor.dtype)
    spread = health.std * math.sqrt(3) / bound
    flat = abs(health.kurtosis - 1.8) < 4 * math.sqrt(1.32 / count)
    if reaches and flat and abs(spread - 1) < max(4 * math.sqrt(0.2 / count), 2e-3):
        width = number(health.std * math.sqrt(3))
        return f"uniform within ±1/√fan_in = ±{number(bound)}: the largest is {number(health.largest)}, std·√3 {width}"
    is_normal = (
        len(tensor.shape) == 2
        and abs(health.mean) < 4 / math.sqrt(count)
        and abs(health.std - 1) < 4 / math.sqrt(2 * count) + _rounding(tensor.dtype)
        and abs(health.kurtosis - 3) < 4 * math.sqrt(24 / count)
        and count >= 8 * FEWEST
    )
    return (
        f"normal with mean {number(health.mean)} and deviation {number(health.std)}, as an embedding starts"
        if is_normal
        else ""
    )


def _rounding(dtype: str) -> float:
    return {"bfloat16": 8e-3, "float16": 1e-3}.get(dtype, 1e-5)


def _is_named(tensor: Measured, words: tuple[str, ...]) -> bool:
    return any(word in tensor.name for word in words)
