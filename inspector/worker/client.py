"""The one way in which both front ends reach the engine.

A client keeps what is needed to bring a lost worker back: the recipe and the journal of edits. It knows nothing of
torch.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from inspector.core.edits import Journal
from inspector.core.recipe import Recipe
from inspector.worker.protocol import Event, Request

R = TypeVar("R")


class Client(Protocol):
    """What the interface and the commands use; implemented over a child process and over a thread."""

    journal: Journal
    listeners: list[Callable[[Event], None]]
    """Called on the event loop for every progress report, log line and change of the worker's state."""

    async def start(self) -> None:
        """Start the worker; returns at once, torch is imported while the caller paints."""

    async def request(self, request: Request[R]) -> R:
        """Carry out a request, one at a time in order.

        Raises RequestError where the engine refuses, RequestCancelledError where the caller cancelled, ModelEndedError
        where the model's code ended the worker (which by then is being brought back).
        """

    def beside(self, recipe: Recipe) -> "Client":
        """A client for another recipe, whose worker, where it needs one, runs where this one's does."""

    async def cancel(self) -> None:
        """Stop the running request: ask, interrupt after 0.5 s, kill after 2 s."""

    async def close(self) -> None:
        """End the worker and all its processes."""
