"""What runs the interface for one tab of a browser, in a process of its own."""

import asyncio
import contextlib
import signal

from textual.drivers.web_driver import WebDriver


class TabDriver(WebDriver):
    """Textual's driver for the web, which leaves as the quit key does, and when the server has gone: no orphans."""

    def start_application_mode(self) -> None:
        """Start, on the running event loop."""
        self._loop_of_app = asyncio.get_running_loop()
        super().start_application_mode()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop_of_app.add_signal_handler(number, self._app.exit)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """What the server says: that the tab was closed, or what Textual knows."""
        if packet_type == "quit":
            self._leave()
        else:
            super().on_meta(packet_type, payload)

    def run_input_thread(self) -> None:
        """Read until the input ends; then nobody looks any more."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()

    def _leave(self) -> None:
        # The loop is closed where the interface has ended already.
        with contextlib.suppress(RuntimeError):
            self._loop_of_app.call_soon_threadsafe(self._app.exit)
