"""A forward pass that waits: what `LiveModel.step_through` gives."""

from abc import ABC, abstractmethod

from inspector.core.stops import Evaluation, StepCommand, StepReport
from inspector.engine.live import Progress


class Stepping(ABC):
    """A pass that waits at a stop until it is told how to go on. Over, it cannot be asked anything more."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether the pass has ended and the model is as it was before."""

    @property
    @abstractmethod
    def where(self) -> str:
        """Where it waits, for people: "after conv1 (Conv2d)"."""

    @abstractmethod
    def start(self) -> StepReport:
        """Go to the first stop, as `go` does."""

    @abstractmethod
    def look(self) -> StepReport:
        """The stop as it is now."""

    @abstractmethod
    def go(self, command: StepCommand, breakpoints: list[str] | None, progress: Progress) -> StepReport:
        """Go on to the next stop or the end; `breakpoints` take the place of those before, None leaves them.

        Raises RequestCancelledError where `progress` does; the pass has then ended.
        """

    @abstractmethod
    def evaluate(self, expression: str, frame: int) -> Evaluation:
        """The value of a Python expression in a frame of the stop, counted from the innermost.

        Raises RequestError with what the expression raised.
        """

    @abstractmethod
    def change(self, text: str) -> StepReport:
        """Change the output of the row, or before it its arguments; the stop with the change made.

        Raises RequestError where the change does not fit.
        """
