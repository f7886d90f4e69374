"""Two themes of high contrast, and the colours of text of every theme made legible on all that it can stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.color import Color
from textual.theme import Theme

LEAST = 4.5
"""Contrast of text against what is behind it: WCAG 2.2, success criterion 1.4.3."""
LEAST_HIGH = 7.0
"""The same, enhanced: 1.4.6."""
HIGH_CONTRAST = (
    Theme(
        name="high-contrast-dark",
        primary="#6cc7ff",
        secondary="#c3b8ff",
        accent="#ff9df5",
        warning="#ffd75f",
        error="#ff9a9a",
        success="#7dff9b",
        foreground="#ffffff",
        background="#000000",
        surface="#141414",
        panel="#1f1f1f",
        dark=True,
        variables={"primary-muted": "#00334d"},
    ),
    Theme(
        name="high-contrast-light",
        primary="#003d80",
        secondary="#3a2a80",
        accent="#6b0f6b",
        warning="#5c3d00",
        error="#8b0000",
        success="#004d1a",
        foreground="#000000",
        background="#ffffff",
        surface="#f4f4f4",
        panel="#eaeaea",
        dark=False,
        variables={"primary-muted": "#cfe6ff"},
    ),
)
TEXT = (
    "foreground",
    "muted",
    "text-primary",
    "text-secondary",
    "text-accent",
    "text-success",
    "text-warning",
    "text-error",
    "footer-key-foreground",
    "footer-description-foreground",
)
"""Variables that text of ours is drawn with; ``muted`` is our own."""
BEHIND = ("background", "background-lighten-1", "surface", "panel", "primary-muted")
"""Variables that it is drawn on."""
MUTED_SHARE = 0.6
STEPS = 40


def legible_variables(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """A theme's variables with ``muted`` added, and those of text moved towards black or white as far as is needed.

    Themes in the terminal's own colours are left alone: what those look like is not known here.
    """
    if theme.ansi:
        return {**variables, "muted": variables["foreground"]}
    ground = Color.parse(variables["background"])
    behind = [ground + Color.parse(variables[name]) for name in BEHIND]
    least = LEAST_HIGH if theme in HIGH_CONTRAST else LEAST
    muted = ground.blend(Color.parse(variables["foreground"]), MUTED_SHARE)
    coloured = {**variables, "muted": muted.hex}
    return coloured | {name: _legible(ground + Color.parse(coloured[name]), behind, least).hex for name in TEXT}


def _legible(colour: Color, behind: Iterable[Color], least: float) -> Color:
    """The nearest colour on the way to black or white that stands out on everything behind it, else the end."""
    grounds = list(behind)
    end = max((Color(0, 0, 0), Color(255, 255, 255)), key=lambda one: _worst(one, grounds))
    steps = (colour.blend(end, step / STEPS) for step in range(STEPS + 1))
    return next((one for one in steps if _worst(one, grounds) >= least), end)


def _worst(colour: Color, grounds: Iterable[Color]) -> float:
    return min(contrast(colour, ground) for ground in grounds)


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two opaque colours, from 1 to 21: WCAG 2.2."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
