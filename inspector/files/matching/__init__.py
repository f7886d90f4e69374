"""Which tensors of a file are which of a model, from keys, shapes and dtypes alone."""

from inspector.files.matching.certain import certain, guessed, rules_about
from inspector.files.matching.containers import Candidate, candidates
from inspector.files.matching.diagnosing import diagnose
from inspector.files.matching.records import (
    LOSSLESS,
    LOSSY,
    Ambiguity,
    Benign,
    Change,
    Diagnosis,
    Entry,
    Partial,
    Transfer,
)
from inspector.files.matching.renaming import Renaming

__all__ = [
    "LOSSLESS",
    "LOSSY",
    "Ambiguity",
    "Benign",
    "Candidate",
    "Change",
    "Diagnosis",
    "Entry",
    "Partial",
    "Renaming",
    "Transfer",
    "candidates",
    "certain",
    "diagnose",
    "guessed",
    "rules_about",
]
