"""Which tensors of a file are which of a model, from keys, shapes and dtypes alone."""

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
    "Transfer",
    "candidates",
    "diagnose",
]
