"""Layers whose values are as torch made them although others are trained."""

import math
from collections.abc import Iterator

from inspector.checks.evidence import Evidence
from inspector.checks.measuring import Measured
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.wording import number, things

FEWEST = 64
"""Values below which a distribution is not told from chance."""
_ONES_AND_ZEROS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}

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


@looks(STILL_DEFAULT)
def still_default(evidence: Evidence) -> Iterator[Finding]:
    """Only beside tensors that are not: a model that was never trained is default everywhere."""
    tensors = evidence.weights.measured
    weights = [tensor for tensor in tensors if len(tensor.shape) >= 2 and tensor.health.elements >= FEWEST]
    default = [tensor for tensor in weights if default_distribution(tensor)]
    trained = len(weights) - len(default)
    if not default:
        return
    may_be_wrong = "a layer that is kept at its random start on purpose"
    if not trained:
        yield finding(
            STILL_DEFAULT,
            "info",
            "",
            "every weight is distributed as at its initialisation: nothing here was trained",
            f"{things(len(default), 'tensor')}, for example {default[0].key}: {default_distribution(default[0])}",
            "look for a checkpoint from after training",
            may_be_wrong,
        )
        return
    if evidence.model is not None and not evidence.trained:
        yield finding(
            STILL_DEFAULT,
            "info",
            "",
            "nothing says that this model was trained, and part of its weights are as torch draws them",
            f"{len(default)} of {things(len(weights), 'tensor')}, for example {default[0].key}",
            "--weights FILE loads a checkpoint; then this rule tells which layers it left as they were",
            "before training all of it is as it should be",
        )
        return
    for tensor in default:
        yield finding(
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
    norms = {owner: own for owner, own in by_owner(tensors).items() if is_normalisation(own)}
    for owner, own in norms.items():
        known = [one for one in own if one.name in _ONES_AND_ZEROS]
        untouched = [one for one in known if one.health.constant and one.health.low == _ONES_AND_ZEROS[one.name]]
        if len(untouched) == len(known) >= 2 and "weight" in {one.name for one in known}:
            yield finding(
                STILL_DEFAULT,
                "warning",
                owner,
                f"the normalisation {owner} is as it was made, while other tensors are trained",
                ", ".join(f"{one.name} = {number(one.health.low)} everywhere" for one in untouched),
                "train it, or load the file that has it",
                "a normalisation that is frozen, or that no data went through",
            )


def by_owner(tensors: list[Measured]) -> dict[str, list[Measured]]:
    """The tensors by the module that holds them."""
    found: dict[str, list[Measured]] = {}
    for tensor in tensors:
        found.setdefault(tensor.owner, []).append(tensor)
    return found


def is_normalisation(own: list[Measured]) -> bool:
    """Whether a module with these tensors scales and shifts channels, as far as names and axes tell."""
    names = {one.name for one in own}
    return "running_var" in names or ({"weight", "bias"} <= names and all(len(one.shape) == 1 for one in own))


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
