"""What runs the interface for one tab of a browser, in a process of its own."""

import asyncio

from textual import messages
from textual.drivers.web_driver import WebDriver


class TabDriver(WebDriver):
    """Textual's driver for the web, which ends the interface when the server has gone: no orphans."""

    def start_application_mode(self) -> None:
        """Start, on the running event loop."""
        self._loop_of_app = asyncio.get_running_loop()
        super().start_application_mode()

    def run_input_thread(self) -> None:
        """Read until the input ends; then nobody looks any more."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            asyncio.run_coroutine_threadsafe(self._app._post_message(messages.ExitApp()), self._loop_of_app)
