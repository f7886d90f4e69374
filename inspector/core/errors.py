"""The one exception that means "say this sentence and exit 2", and the exit statuses of every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process reports to the shell."""

    DONE = 0
    FOUND = 1
    """Done, and there is something to see: a forward that failed, a checkpoint that does not fit."""
    REFUSED = 2
    """The request could not be carried out."""
    MODEL_ENDED = 3
    """The model's own code ended the process: crash, exit, out of memory, time limit."""
    INTERRUPTED = 130


class RequestError(Exception):
    """The request cannot be carried out; the message says what was wrong, where, and what to do next."""


class NoOneModelError(RequestError):
    """A target names no single model that can be made as it stands; the message lists what could be typed."""

    def __init__(self, message: str, models: list[str]) -> None:
        super().__init__(message)
        self.models = models
        """The names in the file of models that could be made."""


class ModelEndedError(Exception):
    """The model's own code ended the process that held it; the message says how."""


class RequestCancelledError(Exception):
    """The request was cancelled by the person who made it."""


NO_FAILURES = (SystemExit, KeyboardInterrupt, RequestCancelledError)
"""What ends a pass without being a failure of the model's forward."""
