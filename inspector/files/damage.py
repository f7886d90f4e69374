"""What of a catalog's notes says that the file is not whole, or not what it seems."""

DAMAGE = {
    "out-of-storage": "tensors reach beyond what is stored of them",
    "shard-missing": "files that hold its tensors are not there",
    "shard-unreadable": "files that hold its tensors cannot be read",
    "piece-missing": "pieces of tensors are in no file",
    "impossible-shape": "tensors have shapes that no tensor can have",
    "damaged-array": "arrays are damaged",
}
"""Codes of notes for which a file cannot be used as it is, and what they say of it."""
DOUBT = {
    "shard-outside": "files outside its folder were not opened",
    "shard-key": "tensors are not in the files that the index says",
    "shard-twice": "an index names one file twice",
    "repeated-record": "members of the archive have one name, so that readers differ in which they take",
    "mixed-byte-order": "arrays differ in their order of bytes",
    "not-understood": "parts are not understood, and not shown",
    "not-readable": "arrays hold what is not read",
}
"""The same of what may be as it should be."""
