"""The whole screen in ASCII, for terminals and fonts that have nothing else.

Applied to every line after it is drawn, so that no panel has to know about it. A sign of one cell becomes a character
of one cell; what needs more, such as the escape of a letter in a name, takes its room from the spaces behind it, and
where those are too few the end of the line is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_TABLES = (
    # Frames and rules, ours and Textual's.
    ("─━═╌┄┈╶╴", "-" * 8),
    ("│┃║┆┊╎▏▕▎▊▌▐▍▋▉", "|" * 8 + "|" * 7),
    ("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝", "+" * 26),
    ("▔🭶🭻", "--_"),
    # Heights and inks: each darker than the one before it.
    ("▁▂▃▄▅▆▇█", "_.,-=+*#"),
    ("░▒▓", ":oO"),
    ("▀■▮", '"##'),
    ("▘▝▖▗▚▞▛▜▙▟", "''..\\/####"),
    # Marks.
    ("▸▾▴◂▹▿▶◀▲▼▽△►◄", "+-^<+->" + "<^Vv^><"),
    ("●○◉◯•✓✔✗✘⚠⏎⊗∅∘", "*o@o*vvxx!" + "<x@o"),
    ("↑↓⌃⇥", "^v^>"),
    # Signs of the text.
    ("×−‖–—…⁄²³₁₂µμ≡›‘’“”«»ᵀ", "x-|--~/2312uuE>''\"\"<>T"),
)
_SIGNS = {sign: char for signs, chars in _TABLES for sign, char in zip(signs, chars, strict=True)}
_SIGNS |= {
    "→": "->", "←": "<-", "⇄": "<->", "≤": "<=", "≥": ">=", "≠": "!=", "±": "+-", "√": "sqrt", "∞": "inf",
    "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "⟨": "<", "⟩": ">", "½": "1/2", "Σ": "sum", "Δ": "d",
    "α": "alpha", "β": "beta", "γ": "gamma", "ε": "eps", "🔎": "> ",
}  # fmt: skip
_TIMES = re.compile(r"(?<=[\w)\]])·(?=[\w(√⌊\[])")
"""A point between factors; any other separates."""
_RUN_OF_SPACES = re.compile(r"  +")


class AsciiFilter(LineFilter):
    """Replaces what is not ASCII in a line of the screen; its cells stay as many."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line's segments, in ASCII."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return list(_in_place(segments))


def _in_place(segments: list[Segment]) -> Iterator[Segment]:
    """The segments in ASCII; what they take too much is taken from the next spaces, then from the end."""
    left = sum(cell_len(segment.text) for segment in segments)
    owed = 0
    for number, (text, style, control) in enumerate(segments):
        written = in_ascii(text)
        owed += len(written) - cell_len(text)
        written, owed = _without_spaces(written, owed)
        written = written[:left]
        if number == len(segments) - 1:
            written = written.ljust(left)
        left -= len(written)
        if written or control:
            yield Segment(written, style, control)


def _without_spaces(text: str, most: int) -> tuple[str, int]:
    """The text with up to `most` spaces fewer, of each run one left; a debt below zero is paid with spaces."""
    if most < 0:
        return text + " " * -most, 0

    def shorter(run: re.Match[str]) -> str:
        nonlocal most
        fewer = min(most, len(run[0]) - 1)
        most -= fewer
        return run[0][fewer:]

    return (_RUN_OF_SPACES.sub(shorter, text) if most else text), most


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII: our own signs as what is nearest, all else as its escape."""
    if text.isascii():
        return text
    return "".join(map(_written, _TIMES.sub("*", text)))


def _written(char: str) -> str:
    if char.isascii():
        return char
    if "\u2800" <= char <= "\u28ff":
        # A braille pattern, by its number of dots.
        return " .:-=+*%#"[(ord(char) - 0x2800).bit_count()]
    return _SIGNS.get(char) or ("." if char == "·" else " " if char == "\xa0" else ascii(char)[1:-1])
