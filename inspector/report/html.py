"""Reports as HTML for notebooks: escaped, without scripts, and legible on light and dark pages.

Colours have a meaning. Where a page does not say which it is, they are of middling lightness: at least 3:1 against
white and against a dark page; notebooks that say so get lighter ones on dark.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from rich.text import Text

from inspector.report.grid import Grid

COLOURS = {
    "red": ("#d33f49", "#ff7b84"),
    "yellow": ("#a67c00", "#e3b341"),
    "green": ("#2f9e58", "#56d364"),
    "cyan": ("#1f8fa3", "#56c8d8"),
    "blue": ("#4c7fd6", "#79b0ff"),
    "magenta": ("#b453b4", "#e29be2"),
}
"""By rich's names: on any page, and on one that says it is dark."""
_DARK_PAGES = ('[data-jp-theme-light="false"]', ".vscode-dark")


def html(parts: Sequence[Text | Grid]) -> str:
    """Lines and tables, in order."""
    return f'<div class="nninspect"><style>{_STYLE}</style>{"".join(map(_part, parts))}</div>'


def _style() -> str:
    page = ".nninspect{font-family:ui-monospace,monospace;font-size:12px;line-height:1.4;overflow-x:auto;color:inherit}"
    table = (
        ".nninspect table{font:inherit;border-collapse:collapse;background:none;color:inherit;border:0}"
        ".nninspect th,.nninspect td{text-align:left;padding:0 1em 0 0;border:0;background:none;white-space:pre}"
        ".nninspect .right{text-align:right}.nninspect .line{white-space:pre-wrap}"
        ".nninspect .bold{font-weight:bold}.nninspect .dim{opacity:.75}"
    )
    plain = "".join(f".nninspect .{name}{{color:{colour}}}" for name, (colour, _) in COLOURS.items())
    dark = "".join(
        f"{page} .nninspect .{name}{{color:{colour}}}" for page in _DARK_PAGES for name, (_, colour) in COLOURS.items()
    )
    return page + table + plain + dark


_STYLE = _style()


def _part(part: Text | Grid) -> str:
    return _table(part) if isinstance(part, Grid) else f'<div class="line">{_inline(part) or "&nbsp;"}</div>'


def _table(grid: Grid) -> str:
    sides = [' class="right"' if right else "" for _, right in grid.titles]
    head = "".join(f"<th{side}>{escape(title)}</th>" for (title, _), side in zip(grid.titles, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{_inline(cell)}</td>' for cell, side in zip(row, sides, strict=False))}</tr>"
        for row in grid.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _inline(text: Text) -> str:
    """A line with a span for each stretch of one style."""
    ends = sorted({0, len(text), *(at for span in text.spans for at in (span.start, span.end))})
    pieces = []
    for start, end in pairwise(ends):
        styles = [str(text.style), *(str(span.style) for span in text.spans if span.start <= start and end <= span.end)]
        names = dict.fromkeys(word for style in styles for word in style.split() if word in _CLASSES)
        plain = escape(text.plain[start:end])
        pieces.append(f'<span class="{" ".join(names)}">{plain}</span>' if names else plain)
    return "".join(pieces)


_CLASSES = {*COLOURS, "bold", "dim"}
