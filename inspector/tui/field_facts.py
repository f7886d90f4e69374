"""What the chosen unit sees, in words and numbers: the facts beside its picture."""

from __future__ import annotations

from collections.abc import Sequence

from inspector.core import wording
from inspector.core.field_axes import Interval, Units, inside, shown_windows
from inspector.core.field_picture import Picture, Ruler
from inspector.core.table import ReceptiveField
from inspector.tui.page import WARNING

Fact = tuple[str, str]
"""A label, a tab and what it is; or a sentence alone."""
BAR = 16
"""Cells, at most, of the bar that shows a volume's depth."""


def facts_of(field: ReceptiveField, units: Units, place: Sequence[int], unit: Sequence[int]) -> list[Fact]:
    """Sentences with their styles; those with a label have it before a tab."""
    facts: list[Fact] = []
    at = ", ".join(map(str, place))
    if max(units.counts) == 1:
        facts.append(("unit\tthe output has no axis along the input", ""))
    elif len(place) == 1:
        facts.append((f"unit\t{at} of {units.counts[0]}", ""))
    else:
        facts.append((f"unit\t({at}) of {wording.shape(units.counts)}", ""))
    if field.status == "whole_input":
        via = f", since {wording.printable(field.via)} mixes all of it" if field.via else ""
        facts.append((f"sees\tthe whole input{via}", WARNING))
        if not any(axis.first for axis in field.axes):
            return facts
        facts.append(("window\tits windows alone see:", ""))
    windows = shown_windows(field, unit)
    if any(window is None for window in windows):
        return [*facts, ("sees\tno pixel of the input", WARNING)]
    for axis, name in enumerate(axis_names(len(unit))):
        bar = f"  {_bar(windows[axis], field.axes[axis].pixels)}" if axis < len(unit) - 2 else ""
        facts.append((f"{name}\t{_interval(windows[axis], field, axis)}{bar}", ""))
    facts.append((f"size\t{_sizes(field, windows)}", ""))
    if field.status == "whole_input":
        return facts
    stride, start = (
        "×".join(map(wording.step, numbers[:1] if len(set(numbers)) == 1 else numbers))
        for numbers in (field.stride, field.start)
    )
    facts.append((f"stride\t{stride}, starts at {start}", ""))
    return facts


def _interval(window: Interval | None, field: ReceptiveField, axis: int) -> str:
    if window is None:
        return "none"
    along = field.axes[axis]
    if along.whole and field.status != "whole_input":
        return f"0 … {along.pixels - 1}, all: {wording.printable(field.via or 'an operation')} mixes them"
    bound = "" if along.exact else "at most "
    text = f"{bound}{wording.step(window[0])} … {wording.step(window[1])}"
    real = inside(window, along.pixels)
    if real is None:
        return f"{text}, all of it beyond the border, where padding is"
    return text if real == window else f"{text}  ({real[0]} … {real[1]} in the image)"


def _bar(window: Interval | None, pixels: int) -> str:
    """An axis that the picture has no room for, on a line."""
    ruler = Ruler(pixels, min(pixels, BAR))
    seen = ruler.cells_of(inside(window, pixels))
    return "".join("█" if cell in seen else "·" for cell in range(ruler.cells))


def _sizes(field: ReceptiveField, windows: Sequence[Interval | None]) -> str:
    sizes = [window[1] - window[0] + 1 for window in windows if window]
    real = [inside(window, axis.pixels) for window, axis in zip(windows, field.axes, strict=True)]
    text = wording.shape(sizes)
    if all(real):
        within = [one[1] - one[0] + 1 for one in real if one]
        text += f", {wording.shape(within)} in the image" if within != sizes else ""
    if field.status != "whole_input" and list(field.size) != sizes:
        text += f"; {'≤' if field.status == 'upper_bound' else 'at most'} {wording.shape(field.size)} in any unit"
    return text


def axis_names(number: int) -> Sequence[str]:
    """The axes of a sequence, an image, a volume."""
    return {1: ("positions",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}.get(
        number, [f"axis {axis}" for axis in range(number)]
    )


def scale_of(drawn: Picture) -> str:
    """How many pixels a character is, where that is more than one; "" elsewhere."""
    rows, columns = drawn.rows, drawn.columns
    if rows.pixels == 1:
        each = columns.pixels / columns.cells
        return f"a character is {each:.3g} positions" if each > 1 else ""
    if rows.cells == rows.pixels and columns.cells == columns.pixels:
        return "a character is 2×1 pixels"
    if rows.cells > rows.pixels:
        return ""
    return f"a character is {2 * rows.pixels / rows.cells:.3g}×{columns.pixels / columns.cells:.3g} pixels"
