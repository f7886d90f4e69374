"""What a file of weights left undone when it was loaded into the model."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding, Severity
from inspector.core.load_notes import repair_command
from inspector.core.loads import Load
from inspector.core.table import ModelTable
from inspector.core.wording import percent, shape, things
from inspector.files.matching.leaf_names import benign

TOLD = 3
"""Keys of one kind before the rest is counted."""

CHECKPOINT_MISMATCH = rule(
    "NN401",
    "checkpoint-mismatch",
    "Weights that do not fit the model: keys missing, left over, of another shape, or loaded only by renaming.",
    "An error for parameters that stay as they were initialised, be it that the file lacks them, has another shape, is "
    "ambiguous or is another model's, and for what of the file is left out; a warning for buffers; information for "
    "keys that fit by a rule, and for those that do not matter, such as num_batches_tracked.",
    "torch.nn.Module.load_state_dict, whose strict=False passes over all of this in silence.",
)


class _Gap(NamedTuple):
    """Keys that one thing is said of."""

    severity: Severity
    keys: Sequence[str]
    what: str
    """The rest of a sentence that begins with the keys and "has" or "have"."""
    fix: str
    may_be_wrong: str
    told: Sequence[str] | None = None
    """What of each is shown as evidence; its key where there is no more to tell."""


@looks(CHECKPOINT_MISMATCH)
def checkpoint_mismatch(evidence: Evidence) -> list[Finding]:
    """What the load of a file into the model says."""
    load, table, recipe = evidence.load, evidence.live.table(), evidence.live.recipe
    covered = f"{percent(load.coverage)} of the model's elements are filled"
    command = repair_command(recipe)
    if load.refused:
        left = f"{len(load.missing):,} missing, {len(load.mismatched):,} of another shape"
        return [
            finding(
                CHECKPOINT_MISMATCH,
                "error",
                "",
                f"{recipe.weights} is taken for the weights of another model: only keys of the same name were loaded",
                f"{covered}; {left}, {len(load.unexpected):,} left over",
                f"`{command}` says why; check that it is the right file",
                "a model that was changed so much that little of its old weights fits",
            )
        ]
    return [
        finding(
            CHECKPOINT_MISMATCH,
            gap.severity,
            _common_path(gap.keys),
            f"{_keys(gap.keys)} {gap.what}",
            f"{_shown(gap.told or gap.keys)}; {covered}",
            gap.fix,
            gap.may_be_wrong,
        )
        for gap in (*_gaps(load, table, command), _renamed(load, command))
        if gap.keys
    ]


def _gaps(load: Load, table: ModelTable, command: str) -> Iterator[_Gap]:
    partial = f"`{command} --partial -o mended.safetensors`"
    sizes = [
        f"{one.key} is {shape(one.file_shape)} in the file and {shape(one.model_shape)} in the model"
        for one in load.mismatched
    ]
    clashing = [one.key for one in load.mismatched]
    head = "a head for other classes that is to be trained anew"
    yield _Gap("error", clashing, "another shape in the file: not loaded, left as initialised", partial, head, sizes)

    guess = f"`{command} --guess -o mended.safetensors`"
    why = "several tensors of the file that could be meant: not loaded, left as initialised"
    yield _Gap("error", load.ambiguous, why, guess, "where that start is as good")

    absent = [key for key in load.missing if key not in {*load.ambiguous, *clashing}]
    parameters = {tensor.key for tensor in table.tensors if tensor.kind == "parameter"}
    new = "a part that is new and is to be trained"
    lost = [key for key in absent if key in parameters]
    yield _Gap("error", lost, "nothing in the file: left as initialised", partial, new)
    filled = "a buffer that the model fills by itself"
    others = [key for key in absent if key not in parameters and not _is_benign(key)]
    yield _Gap("warning", others, "nothing in the file: buffers, or other state of modules", partial, filled)

    says = f"`{command}` says what they are"
    left_out = [key for key in load.unexpected if not _is_benign(key)]
    yield _Gap("error", left_out, "no place in the model: left out", says, "a part that you took out of the model")

    idle = [key for key in (*absent, *load.unexpected) if _is_benign(key) and key not in parameters]
    read = "where BatchNorm has no momentum, or the model reads them itself"
    yield _Gap("info", idle, "no counterpart, which does not matter", partial, read)


def _renamed(load: Load, command: str) -> _Gap:
    rules = [rule for rule in load.rules if rule.kind != "tied" and rule.tensors]
    told = [f"{rule.kind.replace('_', ' ')} {rule.from_ or '(nothing)'} → {rule.to or '(nothing)'}" for rule in rules]
    keys = list(dict.fromkeys(key for rule in rules for key in rule.keys))
    what = "another name or layout in the file: loaded here, but not by load_state_dict alone"
    return _Gap("info", keys, what, f"`{command} -o mended.safetensors`", "where your program renames them too", told)


def _is_benign(key: str) -> bool:
    return bool(benign(key.rpartition(".")[2], None))


def _keys(keys: Sequence[str]) -> str:
    """The subject of a sentence: ``fc.weight has``, ``3 keys have``."""
    return f"{keys[0]} has" if len(keys) == 1 else f"{things(len(keys), 'key')} have"


def _shown(told: Sequence[str]) -> str:
    more = f" and {len(told) - TOLD:,} more" if len(told) > TOLD else ""
    return ", ".join(told[:TOLD]) + more


def _common_path(keys: Sequence[str]) -> str:
    """The key itself, or the path of the module that holds all of several."""
    if len(keys) == 1:
        return keys[0]
    first, last = min(keys).split("."), max(keys).split(".")
    common = 0
    while common < min(len(first), len(last)) and first[common] == last[common]:
        common += 1
    return ".".join(first[:common])
