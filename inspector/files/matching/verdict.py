"""The one sentence that says whether a file is this model's, and what is in the way."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspector.files.matching.records import Entry, Partial

_LITTLE = 0.3
"""Below this share of the model, the file is another model's ; a backbone alone fills more."""
_A_FEW = 0.1
"""Share of the keys; below it, what is not filled is one big part of the right model."""
_MANY = 0.25
"""Share of the keys."""
_SOME = 3
"""Tensors; fewer with another shape are a change that someone made to the right model."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the verdict is made of."""

    file: Sequence[Entry]
    model: Sequence[Entry]
    coverage: float
    unused: float
    """Share of the file's elements that go nowhere."""
    missing: list[str]
    unexpected: list[str]
    mismatched: int
    conflicts: int
    """Of these, how many are no head, vocabulary or the like."""
    ambiguous: int
    integers: Sequence[tuple[str, str]]
    """Trainable parameters for which the file has integers, and the dtype of these."""
    partial: list[Partial]
    nearest: str


def verdict(found: Findings) -> tuple[bool, str]:
    """Whether the file is refused, and the sentence."""
    share = f"{_percent(found.coverage)} of the model's elements"
    sealed = _cannot_be_renamed(found.file)
    if sealed and found.coverage < 1:
        return True, f"{sealed} ({share} are filled)"
    if is_foreign(found):
        return True, _not_this_model(share, found.nearest)
    if not found.missing and not found.mismatched and not found.unexpected:
        sentence = _filled(found, share)
    else:
        counts = [(len(found.missing), "missing"), (found.mismatched, "with another shape")]
        counts.append((len(found.unexpected), "left over in the file"))
        parts = [f"{count} {word}" for count, word in counts if count]
        sentence = f"{share} are filled; {', '.join(parts)}"
        if found.partial:
            sentence += f": {found.partial[0].message}"
        elif found.nearest:
            sentence += f": the file's model is {found.nearest}"
        if found.ambiguous:
            sentence += f"; {_guesses(found)}"
    return False, sentence


def _filled(found: Findings, share: str) -> str:
    if found.integers:
        key, dtype = found.integers[0]
        more = f" and {len(found.integers) - 1:,} more" if len(found.integers) > 1 else ""
        return (
            f"it does not load: {key}{more} are {dtype} in the file and floating point in the model; quantised values "
            "say nothing without their scales, so dequantise them first"
        )
    start = f"it would load, but {_guesses(found)}" if found.ambiguous else "it loads"
    return f"{start}: all that matters of the model is filled, {share}"


def _guesses(found: Findings) -> str:
    return f"{found.ambiguous} {'key is a guess' if found.ambiguous == 1 else 'keys are guesses'} (--guess takes them)"


def is_foreign(found: Findings) -> bool:
    """Whether the file is another model's: little of it fits, or many places have other shapes."""
    if not found.mismatched and not found.missing:
        return False
    left = sum(part.elements for part in found.partial)
    unexplained = 1 - found.coverage - left / (sum(_elements(entry) for entry in found.model) or 1)
    unfilled = (len(found.missing) + found.mismatched) / (len(found.model) or 1)
    if unexplained > _LITTLE and unfilled > _A_FEW and (found.coverage < _LITTLE or found.unused > _LITTLE):
        return True
    if found.conflicts < _SOME:
        return False
    return unfilled > _MANY or (unfilled > _A_FEW and unexplained > _A_FEW)


def _not_this_model(share: str, nearest: str) -> str:
    return f"this is not this model: {share} are filled" + (f"; the file's model is {nearest}" if nearest else "")


def _cannot_be_renamed(file: Sequence[Entry]) -> str:
    for entry in file:
        name = entry.key.rpartition(".")[2]
        if name in ("_flat_param", "flat_param"):
            return (
                f"{entry.key} is one rank's flat buffer of FSDP, which no renaming mends; gather the full state_dict "
                "(torch.distributed.checkpoint) and save that"
            )
        if "_packed_params" in entry.key:
            return f"{entry.key} is packed by quantisation, which no renaming mends; load it into the quantised model"
    return ""


def _elements(entry: Entry) -> int:
    count = 0 if entry.shape is None else 1
    for size in entry.shape or ():
        count *= size
    return count


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    text = f"{100 * share:.1f} %"
    return "more than 99.9 %" if text == "100.0 %" and share < 1 else text.replace(".0 %", " %")
