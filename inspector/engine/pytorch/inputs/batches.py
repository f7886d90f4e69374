"""Whether an input that works does so with more samples too."""

from msgspec.structs import replace

from inspector.core.recipe import InputSpec
from inspector.core.wording import shape
from inspector.engine.pytorch.inputs.searching import Search
from inspector.engine.pytorch.inputs.trying import Outcome


def with_other_batch(search: Search, found: Outcome) -> str:
    """What is unusual about a pass on twice as many samples, as a sentence; "" where nothing is.

    Only where the first axis can be the samples': all inputs share it, and the first output has it.
    """
    sizes = {spec.shape[0] for spec in found.guess if spec.shape}
    tensors = [spec for spec in found.guess if spec.value is None]
    if len(sizes) != 1 or any(not spec.shape or spec.file for spec in tensors) or not found.outputs:
        return ""
    size = next(iter(sizes))
    first = found.outputs[0]
    if not first or first[0] != size or size > 4:
        return ""
    outcome = search(tuple(_doubled(spec) for spec in found.guess))
    if not outcome.works:
        return f"with {2 * size} samples instead of {size} the model fails: {outcome.said}"
    if not outcome.outputs or outcome.outputs[0] != [2 * first[0], *first[1:]]:
        made = shape(outcome.outputs[0]) if outcome.outputs else "nothing"
        return f"with {2 * size} samples instead of {size} the first output is {made}, not as many samples"
    return ""


def _doubled(spec: InputSpec) -> InputSpec:
    if spec.shape is None:
        return spec
    return replace(spec, shape=[2 * spec.shape[0], *spec.shape[1:]])
