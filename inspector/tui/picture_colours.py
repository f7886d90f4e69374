"""What a value looks like: a colour between two ends of the theme, or a character that says sign and size alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.color import Color

from inspector.tui.page import ERROR

LEVELS = 12
"""Steps from 0 to the largest value, on either side."""
NEUTRAL = 0.12
"""Share of the foreground in the colour of 0, so that a picture of zeros is seen on the background."""
ABOVE, BELOW = " ░▒▓█", " -=≡#"
"""Characters by their distance from 0, for positive and negative values."""
POSITIVE, NEGATIVE = "$text-warning", "$text-primary"
NOT_FINITE = "×"
Value = float | None
Mark = tuple[str, str]
"""A character and its style."""


@dataclass(frozen=True)
class Scale:
    """Values as levels between −LEVELS and LEVELS; 0 is in the middle, also where there are no negative ones."""

    most: float
    """The largest absolute value."""

    def level(self, value: float, levels: int = LEVELS) -> int:
        """A value that is not 0 is at least one level away from it."""
        if not value or not self.most:
            return 0
        size = max(1, min(levels, round(abs(value) / self.most * levels)))
        return size if value > 0 else -size


@dataclass(frozen=True)
class Colours:
    """A diverging palette made of the theme's colours."""

    background: Color
    neutral: Color
    positive: Color
    negative: Color

    @classmethod
    def of_theme(cls, variables: Mapping[str, str]) -> Colours:
        """The palette of a theme, from its variables."""
        background, foreground = (Color.parse(variables[name]) for name in ("background", "foreground"))
        return cls(
            background=background,
            neutral=background.blend(foreground, NEUTRAL, alpha=1),
            positive=Color.parse(variables["warning"]),
            negative=Color.parse(variables["primary"]),
        )

    def at(self, level: int) -> str:
        """The colour of a level, as a style has it."""
        end = self.positive if level > 0 else self.negative
        return self.neutral.blend(end, abs(level) / LEVELS, alpha=1).hex6


def half_blocks(upper: Value | str, lower: Value | str, scale: Scale, colours: Colours) -> Mark:
    """Two values, one above the other, as a character; "" is the gap between planes."""
    if upper is None or lower is None:
        other = next((one for one in (upper, lower) if isinstance(one, float)), None)
        behind = colours.neutral.hex6 if other is None else colours.at(scale.level(other))
        return NOT_FINITE, f"bold {ERROR} on {behind}"
    top, bottom = (None if isinstance(one, str) else colours.at(scale.level(one)) for one in (upper, lower))
    if top is None or bottom is None:
        return (" ", "") if top is bottom else ("▀", top) if top else ("▄", bottom or "")
    return ("▀", f"{top} on {bottom}")


def characters(value: Value | str, scale: Scale) -> Mark:
    """One value as two characters."""
    if isinstance(value, str):
        return "  ", ""
    if value is None:
        return 2 * NOT_FINITE, ERROR
    level = scale.level(value, len(ABOVE) - 1)
    return 2 * (ABOVE if level >= 0 else BELOW)[abs(level)], POSITIVE if level > 0 else NEGATIVE
