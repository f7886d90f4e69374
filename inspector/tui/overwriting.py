"""A file that exists is replaced only after it was asked about."""

import os

from inspector.core.errors import RequestError


class Overwriting:
    """Remembers which file was asked about; a second press of the button is the answer."""

    def __init__(self, button: str) -> None:
        self._button = button
        self._asked_about: str | None = None

    def allowed(self, path: str) -> bool:
        """Whether the file may be replaced. Raises RequestError to ask about one that exists.

        The worker may run on another machine, whose files only it can see; it refuses by itself.
        """
        if os.path.exists(os.path.expanduser(path)) and self._asked_about != path:
            self._asked_about = path
            raise RequestError(f"{path} exists. Press {self._button} again to overwrite it, or write another name")
        return self._asked_about == path
