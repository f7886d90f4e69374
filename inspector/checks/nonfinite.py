"""Where values come from that are not finite, and how near float16 is to its largest number."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.wording import number

if TYPE_CHECKING:
    from inspector.engine.nonfinite import Origin

LARGEST_FLOAT16 = 65504.0
NEAR = 6e4
"""Largest absolute value in float16 from which a sum of two overflows; see the source of the rule."""

NONFINITE_ORIGIN = rule(
    "NN301",
    "nonfinite-origin",
    "The operation that is the first to make NaN or Inf of finite values, in a forward or a backward pass.",
    "Any NaN and any +Inf that was not written down as a number; −Inf where it makes NaN or reaches an output; an "
    "error where an output or a gradient gets it. A warning where only an all-zero input shows it, or where it is gone "
    f"once no input is negative. In float16 a warning above {NEAR:g}; the largest number is 65504.",
    "IEEE 754; Hugging Face's DebugUnderflowOverflow for the warning before float16 overflows.",
)

_FIXES: dict[str, str] = {
    **dict.fromkeys(("sqrt", "rsqrt", "norm", "linalg_norm", "vector_norm", "std", "reducel2", "cdist", "dist"),
        "add a small ε under the root: sqrt(x + 1e-12), or clamp_min(ε) before it"),
    **dict.fromkeys(("log", "log2", "log10", "log1p"),
        "clamp what it takes: log(x.clamp_min(1e-12)); of a softmax take log_softmax"),
    **dict.fromkeys(("div", "truediv", "true_divide", "reciprocal", "mod", "remainder"),
        "keep the divisor from 0: x / (y + ε), or y.clamp_min(ε)"),
    **dict.fromkeys(("softmax", "log_softmax", "scaled_dot_product_attention", "multi_head_attention_forward"),
        "a row is masked throughout: leave at least one position open, or mask with a large finite number"),
    **dict.fromkeys(("exp", "exp2", "expm1", "cosh", "sinh", "square"),
        "it overflows: subtract the largest value first, or work with logarithms (logsumexp, softplus)"),
    **dict.fromkeys(("pow", "float_power"), "a negative base has no such power: clamp it, or use abs and sign"),
    **dict.fromkeys(("acos", "asin", "arccos", "arcsin", "atanh", "arctanh"),
        "keep what it takes inside (−1, 1): x.clamp(-1 + 1e-6, 1 - 1e-6)"),
    **dict.fromkeys(("batch_norm", "batchnormalization"),
        "look at running_var, which has to be positive, and at eps"),
    **dict.fromkeys(("half", "to", "type", "cast"), "the values do not fit this type: use bfloat16 or float32 here"),
    **dict.fromkeys(("mul", "matmul", "bmm", "mm", "linear", "einsum", "cumprod", "prod"),
        "it overflows, or multiplies 0 by Inf: scale its factors down, or choose a wider type"),
    **dict.fromkeys(("var", "var_mean", "std_mean"), "one value has no deviation: correction=0, or more values"),
    **dict.fromkeys(("mean", "nanmean", "reducemean"), "the mean of nothing is NaN: check that something is left"),
    **dict.fromkeys(("where", "masked_fill"), "make the values of the branch that is not taken finite too"),
}  # fmt: skip
_OTHER = "keep what it takes inside the range where it is defined and has a slope"


@looks(NONFINITE_ORIGIN)
def nonfinite_origin(evidence: Evidence) -> Iterator[Finding]:
    """Origin by origin, then what is near overflow."""
    for origin in evidence.origins.found:
        yield _told(origin)
    yield from _near_overflow(evidence)


def _told(origin: "Origin") -> Finding:
    backward = origin.direction == "backward"
    name = f"{origin.type} in {origin.path or 'the model itself'}"
    if backward:
        message = f"the gradient of {name} is {origin.kind}, while the forward pass is finite"
        evidence = f"on {origin.probe}: its output's gradient is finite, that of what it takes is not"
    else:
        where = "reaches an output or a gradient" if origin.reached else "reaches no output"
        message = f"{name} makes the first {origin.kind} of finite values; it {where}"
        evidence = f"on {origin.probe}" + (f": it takes values from {origin.taken}" if origin.taken else "")
    fix = _FIXES.get(origin.type.lower().removeprefix("linalg_"), _OTHER)
    if backward:
        fix += "; torch.where hides a forward NaN, not that of the gradient"
    return finding(
        NONFINITE_ORIGIN,
        "error" if origin.reached and not origin.unlikely else "warning",
        origin.path,
        message,
        evidence,
        fix,
        "random values are no data: where what it takes is never negative or 0, say so with --input"
        if origin.unlikely
        else "where the model's real inputs keep what this operation takes inside its range",
        origin.source,
    )


def _near_overflow(evidence: Evidence) -> Iterator[Finding]:
    near = [
        one
        for one in evidence.activations.operations
        if one.dtype == "float16" and NEAR < one.largest <= LARGEST_FLOAT16
    ]
    if near:
        most = max(near, key=lambda one: one.largest)
        headroom = math.log2(LARGEST_FLOAT16 / most.largest)
        yield finding(
            NONFINITE_ORIGIN,
            "warning",
            most.path,
            f"{most.type} in {most.path or 'the model itself'} comes near the largest number of float16",
            f"|value| up to {number(most.largest)} of 65504: {headroom:.2f} bits left; so {len(near)} operations",
            "run this part in bfloat16 or float32, or scale its input down",
            "where real data are smaller than random ones",
            most.source,
        )
