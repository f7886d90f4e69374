"""Plain text in Markdown."""

import re


def as_text(text: str) -> str:
    """With the signs that Markdown and its tables read shown as they are; what stands in backticks is code."""
    parts = text.replace("|", "\\|").split("`")
    # Backticks that do not pair are signs like any other.
    code = len(parts) % 2 == 1
    return "`".join(part if code and number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[\]])", r"\\\1", text.replace("<", "&lt;"))
