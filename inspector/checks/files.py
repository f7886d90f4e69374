"""What a file of tensors says of itself that should stop a person from using it."""

from collections.abc import Iterator, Sequence

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding, Severity
from inspector.core.named_globals import Severity as Danger
from inspector.core.named_globals import refused_first, sentence
from inspector.files.damage import DAMAGE, DOUBT

TOLD = 3
"""Examples of one kind before the rest is counted."""
_SEVERITIES: dict[Danger, Severity] = {"dangerous": "error", "unknown": "warning", "harmless": "info"}

DAMAGED_CHECKPOINT = rule(
    "NN406",
    "damaged-checkpoint",
    "Files that are cut off, lack parts, or do not hold what they declare.",
    "An error for tensors beyond what is stored, files and pieces that are absent or unreadable, impossible shapes; a "
    "warning for what readers take differently or do not understand.",
    "The formats themselves: every place that the file declares is held against its size.",
)
UNSAFE_GLOBALS = rule(
    "NN407",
    "unsafe-globals",
    "Classes and functions that a pickle names and that torch's weights_only reader refuses.",
    "An error for those that run commands or code, a warning for those that only the program that saved the file "
    "knows, information for those that make plain values.",
    "torch.serialization's list of safe globals; Python's warning in the documentation of pickle.",
)


@looks(DAMAGED_CHECKPOINT)
def damaged_checkpoint(evidence: Evidence) -> Iterator[Finding]:
    """What the file declares and does not hold; of a file alone, also the values that turned out not to be there."""
    catalog = evidence.catalog
    unreadable = evidence.weights.damaged if evidence.model is None else []
    told: set[str] = set()
    for code, what in {**DAMAGE, **DOUBT}.items():
        notes = [note for note in catalog.notes if note.code == code]
        if notes:
            told.add(code)
            path = notes[0].path or "" if len(notes) == 1 else ""
            yield _damaged("error" if code in DAMAGE else "warning", path, what, [note.message for note in notes])
    if unreadable and "out-of-storage" not in told:
        yield _damaged("error", "", "values cannot be read", unreadable)


def _damaged(severity: Severity, path: str, what: str, told: Sequence[str]) -> Finding:
    error = severity == "error"
    return finding(
        DAMAGED_CHECKPOINT,
        severity,
        path,
        f"the file is {'damaged or not whole' if error else 'not what a reader expects'}: {what}",
        _shown(told, "; "),
        "fetch or save the file again, with all that belongs to it"
        if error
        else "save the file again with PyTorch; --allow-outside opens what an index names elsewhere",
        "never: whoever reads those tensors gets an error or other values"
        if error
        else "where that part is of no use to you",
    )


@looks(UNSAFE_GLOBALS)
def unsafe_globals(evidence: Evidence) -> Iterator[Finding]:
    """By how dangerous they are."""
    refused = refused_first(evidence.catalog.globals)
    for danger, severity in _SEVERITIES.items():
        of_danger = [found for found in refused if found.severity == danger]
        if of_danger:
            yield finding(
                UNSAFE_GLOBALS,
                severity,
                "",
                "the pickle names "
                + ("what can run commands or code: " if danger == "dangerous" else "what a safe reader refuses: ")
                + _shown([found.name for found in of_danger], ", "),
                _shown([f"{found.name} {sentence(found)}" for found in of_danger], "; "),
                "do not load it with weights_only=False; ask for a state_dict as safetensors"
                if danger == "dangerous"
                else "save the state_dict alone: torch.save(model.state_dict(), …)",
                "never where it is called; named alone it does nothing"
                if danger == "dangerous"
                else "a file that your own program saved",
            )


def _shown(told: Sequence[str], between: str) -> str:
    more = f" and {len(told) - TOLD:,} more" if len(told) > TOLD else ""
    return between.join(told[:TOLD]) + more
