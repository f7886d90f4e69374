"""Which tensors of a file are which of a model, from keys, shapes and dtypes alone."""

from inspector.files.matching.aligning import Alignment, align
from inspector.files.matching.certain import certain, doubts, guessed, rules_about
from inspector.files.matching.containers import Candidate, candidates, named_candidate, rivals
from inspector.files.matching.counterparts import counterparts
from inspector.files.matching.diagnosing import diagnose
from inspector.files.matching.matches import Match, together
from inspector.files.matching.records import (
    LOSSLESS,
    LOSSY,
    Ambiguity,
    Benign,
    Change,
    Clash,
    Diagnosis,
    Entry,
    Partial,
    Transfer,
)
from inspector.files.matching.renaming import Renaming

__all__ = [
    "LOSSLESS",
    "LOSSY",
    "Alignment",
    "Ambiguity",
    "Benign",
    "Candidate",
    "Change",
    "Clash",
    "Diagnosis",
    "Entry",
    "Match",
    "Partial",
    "Renaming",
    "Transfer",
    "align",
    "candidates",
    "certain",
    "counterparts",
    "diagnose",
    "doubts",
    "guessed",
    "named_candidate",
    "rivals",
    "rules_about",
    "together",
]
