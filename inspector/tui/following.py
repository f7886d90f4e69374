"""Answers that follow what is being typed: of several requests wanted while one is under way, the last is sent."""

from collections.abc import Callable
from typing import Any

from inspector.core.errors import ModelEndedError, RequestCancelledError, RequestError
from inspector.tui.conversation import Conversation
from inspector.tui.dialog import Dialog
from inspector.tui.page import ERROR, MUTED, Page, TextPanel
from inspector.worker.protocol import Request


class Following:
    """Sends requests one after the other and shows each answer, or why there is none, in a dialog's ``#preview``."""

    def __init__(self, conversation: Conversation, dialog: Dialog[Any], page_of: Callable[[Any], Page]) -> None:
        self._conversation = conversation
        self._dialog = dialog
        self._page_of = page_of
        self._next: Request[Any] | None = None
        self._asking = False

    def want(self, make: Callable[[], Request[Any]]) -> None:
        """Send what `make` makes of the fields once the request under way is answered, in place of any that waits.

        Where the fields make none, the dialog says what is wrong with them.
        """
        try:
            self._next = make()
        except RequestError as problem:
            self._dialog.wrong(str(problem))
            return
        self._dialog.wrong("")
        if not self._asking:
            self._say("working it out…")
            self._asking = True
            self._conversation.spawn(self._ask())

    def _say(self, sentence: str) -> None:
        page = Page()
        page.line((sentence, MUTED))
        self._dialog.query_one("#preview", TextPanel).show(page)

    def stop(self) -> None:
        """Send nothing more."""
        self._next = None

    async def _ask(self) -> None:
        try:
            while self._next is not None:
                request, self._next = self._next, None
                answer: Any
                try:
                    answer = await self._conversation.fetch(request, "working out the preview")
                except (RequestError, ModelEndedError, RequestCancelledError) as problem:
                    answer = problem
                self.show(answer)
        finally:
            self._asking = False

    def show(self, answer: Any) -> None:
        """Show an answer, or an exception in its place."""
        if not self._dialog.is_attached:
            self.stop()
            return
        if isinstance(answer, Exception):
            page = Page()
            page.paragraph(str(answer) or "cancelled", ERROR)
        else:
            page = self._page_of(answer)
        self._dialog.query_one("#preview", TextPanel).show(page)
