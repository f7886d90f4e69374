"""Whether an input that works does so with more samples too."""

from msgspec.structs import replace

from inspector.core.recipe import InputSpec
from inspector.core.wording import shape
from inspector.engine.pytorch.inputs.repairing import Guess, repairs
from inspector.engine.pytorch.inputs.searching import Search
from inspector.engine.pytorch.inputs.trying import Outcome


def with_other_batch(search: Search, found: Outcome) -> str:
    """What is unusual about a pass on twice as many samples, as a sentence; "" where nothing is.

    Only where the first axis can be the samples': all inputs share it, and the first output has it.
    """
    size = _samples(found)
    if size is None:
        return ""
    first = found.outputs[0]
    outcome = search(_doubled(found.guess))
    if not outcome.works:
        return f"with {2 * size} samples instead of {size} the model fails: {outcome.said}"
    if not outcome.outputs or outcome.outputs[0] != [2 * first[0], *first[1:]]:
        made = shape(outcome.outputs[0]) if outcome.outputs else "nothing"
        return f"with {2 * size} samples instead of {size} the first output is {made}, not as many samples"
    return ""


def also_with_other_batch(search: Search, found: Outcome, pinned: frozenset[str]) -> Outcome:
    """An input that works as it is and twice as long, where a call of the longer pass wants another dtype of one.

    A loop over positions may never look at an input that has only one.
    """
    size = _samples(found)
    if size is None:
        return found
    doubled = search(_doubled(found.guess))
    for want in doubled.wants if not doubled.works else ():
        for guess in repairs(doubled.guess, want, 2 * size, pinned) if want.dtype is not None else ():
            if not search(guess).works:
                continue
            shapes = [spec.shape for spec in found.guess]
            outcome = search(tuple(replace(spec, shape=old) for spec, old in zip(guess, shapes, strict=True)))
            if outcome.works:
                return outcome
    return found


def _samples(found: Outcome) -> int | None:
    """How many there are, if the first axis can be theirs."""
    sizes = {spec.shape[0] for spec in found.guess if spec.shape}
    tensors = [spec for spec in found.guess if spec.value is None]
    if len(sizes) != 1 or any(not spec.shape or spec.file for spec in tensors) or not found.outputs:
        return None
    size = next(iter(sizes))
    first = found.outputs[0]
    return size if first and first[0] == size and size <= 4 else None


def _doubled(guess: Guess) -> Guess:
    return tuple(_twice_as_long(spec) for spec in guess)


def _twice_as_long(spec: InputSpec) -> InputSpec:
    return spec if spec.shape is None else replace(spec, shape=[2 * spec.shape[0], *spec.shape[1:]])
