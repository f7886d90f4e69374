"""The Python in which the classes of a model stand."""

import io
import linecache
import tokenize
from dataclasses import dataclass

from inspector.engine.pytorch.experiments.constructor_lines import constructor_lines
from inspector.engine.pytorch.experiments.subject import Subject


@dataclass(frozen=True)
class ModelSource:
    """What its files say."""

    files: list[str]
    code: str
    """All of them without comments and strings."""


def model_source(subject: Subject) -> ModelSource:
    """Of the user's own files, not those of installed packages."""
    files = subject.of(constructor_lines).files
    return ModelSource(files, "\n".join(map(_code, files)))


def _code(file: str) -> str:
    text = "".join(linecache.getlines(file))
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    kept = [token for token in tokens if token.type not in (tokenize.COMMENT, tokenize.STRING)]
    return "".join(("\n" if token.type in (tokenize.NEWLINE, tokenize.NL) else token.string) for token in kept)
