"""Whether the model's source says that samples or time steps come first."""

import inspect
import re
from dataclasses import dataclass

from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.source_lines import is_user_file

_BATCH = re.compile(r"(b|bs|bsz|bsize|batch\w*|n|nb|n_batch|num_samples|samples)$", re.I)
_TIME = re.compile(
    r"(t|s|l|len|length|seq\w*|time\w*|steps?|n_steps|frames?|tokens?|src_len|tgt_len|positions?)$", re.I
)
_UNPACKED = re.compile(r"(\w+)\s*,\s*(\w+)[\w\s,]*=\s*\w+(?:\.shape|\.size\(\))")
_SIZE = re.compile(r"(\w+)\s*=\s*\w+(?:\.size\(|\.shape\[)\s*(\d)\s*[\])]")
_WRITTEN = re.compile(r"[(\[]\s*(\w+)\s*[,x×*]\s*(\w+)")


@dataclass(frozen=True)
class SequenceConvention:
    """What the source says of the first two axes."""

    first: str | None
    """``batch`` or ``time``; None where it says neither, or both."""
    text: str
    """The line that says so."""


def sequence_convention(subject: Subject) -> SequenceConvention:
    """By the names that sizes are given, by comments and docstrings."""
    for statements in (_of_code, _of_text):
        said: dict[str, str] = {}
        for source in _sources(subject):
            for line in source.splitlines():
                first = statements(line)
                if first is not None:
                    said.setdefault(first, line.strip())
        if len(said) == 1:
            return SequenceConvention(*next(iter(said.items())))
    return SequenceConvention(None, "")


def _sources(subject: Subject) -> list[str]:
    found = []
    for kind in dict.fromkeys(type(module) for module in subject.module.modules()):
        try:
            file = inspect.getsourcefile(kind)
            if file is not None and is_user_file(file):
                found.append(inspect.getsource(kind))
        except (OSError, TypeError):
            continue
    return found


def _of_code(line: str) -> str | None:
    code = line.partition("#")[0]
    if found := _UNPACKED.search(code):
        return _order(found[1], found[2])
    if found := _SIZE.search(code):
        name, axis = found[1], int(found[2])
        if axis <= 1 and _BATCH.match(name):
            return ("batch", "time")[axis]
        if axis <= 1 and _TIME.match(name):
            return ("time", "batch")[axis]
    return None


def _of_text(line: str) -> str | None:
    return next((order for pair in _WRITTEN.findall(line) if (order := _order(*pair)) is not None), None)


def _order(first: str, second: str) -> str | None:
    if _BATCH.match(first) and _TIME.match(second):
        return "batch"
    return "time" if _TIME.match(first) and _BATCH.match(second) else None
