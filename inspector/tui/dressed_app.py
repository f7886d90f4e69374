"""What an application of ours looks like, whatever it shows: themes, signs, and the sizes that it is laid out for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import App
from textual.content import Content
from textual.filter import LineFilter
from textual.widget import Widget

from inspector.core.errors import RequestError
from inspector.core.wording import shortened
from inspector.tui.ascii_filter import AsciiFilter
from inspector.tui.themes import HIGH_CONTRAST, legible_variables

LEAST_WIDTH, LEAST_HEIGHT = 60, 20
"""Cells below which nothing but the wish for more is drawn."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """How the interface is to look."""

    ascii: bool = False
    """Draw with ASCII alone."""
    theme: str = ""
    """A theme's name; "" for Textual's own choice, which follows TEXTUAL_THEME."""


class DressedApp(App[int]):
    """An application that keeps to an `Appearance` and to the sizes that the style sheet knows.

    Raises RequestError where there is no theme of that name.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-thin"), (LEAST_WIDTH, "-narrow"), (110, "-wide"), (180, "-broad")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (LEAST_HEIGHT, "-low"), (32, "-high"), (50, "-tall")]

    def __init__(self, appearance: Appearance | None = None) -> None:
        appearance = appearance or Appearance()
        self._ascii = AsciiFilter(enabled=appearance.ascii)
        super().__init__()
        for theme in HIGH_CONTRAST:
            self.register_theme(theme)
        if appearance.theme:
            self.theme_name = appearance.theme

    @property
    def ascii(self) -> bool:
        """Whether the screen is drawn with ASCII alone."""
        return self._ascii.enabled

    @ascii.setter
    def ascii(self, value: bool) -> None:
        self._ascii.enabled = value

    @property
    def theme_name(self) -> str:
        """The theme on show; set it, and RequestError is raised where there is none of that name."""
        return self.theme

    @theme_name.setter
    def theme_name(self, name: str) -> None:
        if name not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            raise RequestError(f"there is no theme {shortened(name)!r}; choose one of {known}")
        self.theme = name

    @property
    def is_too_small(self) -> bool:
        """Whether there is no room to draw in."""
        return self.size.width < LEAST_WIDTH or self.size.height < LEAST_HEIGHT

    @property
    def is_roomy(self) -> bool:
        """Whether there is room for a second panel."""
        return self.size.width >= 180 and self.size.height >= 50

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and the one for ASCII behind them."""
        return [*super().get_line_filters(), *([self._ascii] if self.ascii else [])]

    def get_css_variables(self) -> dict[str, str]:
        """The theme's variables, legible."""
        self.theme_variables = legible_variables(self.current_theme, super().get_css_variables())
        return self.theme_variables


class TooSmall(Widget):
    """Stands for everything else while the terminal is too small; the style sheet says when."""

    def render(self) -> Content:
        """What size is needed, and what there is."""
        width, height = self.app.size
        return Content(
            f"nninspect needs a terminal of {LEAST_WIDTH}×{LEAST_HEIGHT} cells; this one has {width}×{height}. "
            "What runs goes on."
        )
