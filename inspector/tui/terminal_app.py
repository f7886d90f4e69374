"""The frame of the application: what it says below, its log, the clipboard of the terminal, an orderly end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.binding import BindingType
from textual.screen import Screen

from inspector.tui.action import bindings_at_stop
from inspector.tui.dressed_app import Appearance, DressedApp
from inspector.tui.keys_here import with_keys
from inspector.tui.log_view import LogView
from inspector.tui.mistakes import TITLE, sentence
from inspector.tui.status import ActivityLine
from inspector.tui.step_actions import STEP_ACTIONS


class MainScreen(Screen[None]):
    """The screen under all dialogs; its keys are looked at before the application's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at_stop(STEP_ACTIONS)


class TerminalApp(DressedApp):
    """An application that outlives mistakes of its own where it can, and ends in order where it cannot."""

    activity: ActivityLine
    log_view: LogView

    def __init__(self, appearance: Appearance | None = None) -> None:
        super().__init__(appearance)
        self.mistakes: list[Exception] = []
        """Ours, that were caught."""

    def get_default_screen(self) -> Screen[Any]:
        """The screen under all dialogs."""
        return MainScreen(id="_default")

    def say(self, text: str, style: str = "") -> None:
        """Say something on the line at the bottom, and keep it in the log."""
        if (text, style) != self.activity.message:
            self.activity.message = (text, style)
            self.log_view.say(text, style)

    def tell(self, title: str, sentence: str, traceback: str = "") -> None:
        """Say something that must be read before going on, with the traceback of the code that is behind it."""
        from inspector.tui.message import MessageScreen

        sentence = with_keys(sentence)
        self.say(sentence, "$text-error")
        self.push_screen(MessageScreen(title, sentence, traceback), self._after_message)

    def _after_message(self, to_log: bool | None) -> None:
        if to_log:
            self.log_view.open()

    def log_line(self, line: str) -> None:
        """Keep a line that the model's code printed."""
        self.log_view.add(line)

    def leaving(self) -> None:
        """What is to be done before the screen goes."""

    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave, whoever asked for it: a key or a signal."""
        with suppress(Exception):
            # Nothing that is only remembered may keep the program from ending.
            self.leaving()
        super().exit(result, return_code, message)

    def keep_copied(self, text: str) -> None:
        """Keep a text for lines that paste; Textual's own way would send it to the terminal at once."""
        self._clipboard = text

    def send_to_terminal(self, sequence: str) -> bool:
        """Write a control sequence; False where there is none to write."""
        if not sequence or self._driver is None:
            return False
        # Textual has no public way to write past its own drawing.
        self._driver.write(sequence)
        return True

    def _handle_exception(self, error: Exception) -> None:
        """A mistake in drawing ends the program: name the file with the traceback, do not print it on the shell."""
        if self.is_headless:
            super()._handle_exception(error)
        else:
            # Past `leaving`: what was on show cannot be drawn, the next time as little as now.
            super().exit(return_code=1, message=Text(f"{TITLE}: {sentence(error)}"))
