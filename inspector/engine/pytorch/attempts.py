"""Inputs that were tried in vain, and which of those failures is worth showing."""

from dataclasses import dataclass

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.recording import Recorder, calls_of


@dataclass(frozen=True)
class Attempt:
    """An input that was tried in vain."""

    specs: list[InputSpec]
    calls: int
    """How many calls were made until it failed."""
    layers: int
    """How many of them were of layers with parameters, and returned."""
    kind: type[BaseException]
    said: str
    """Not the exception itself, whose traceback holds all that the pass had made."""

    @classmethod
    def of(cls, specs: list[InputSpec], problem: BaseException, recorder: Recorder) -> "Attempt":
        """What came of trying `specs`."""
        calls = list(calls_of(recorder.root))
        layers = [call for call in calls if call.module is not None and call.module._parameters and call.output_shapes]
        return cls(specs, len(calls), len(layers), type(problem), first_line(problem))


def worth_showing(attempts: list[Attempt]) -> Attempt | None:
    """The attempt whose failure tells something about the model, not about the input that was tried.

    One that got past the first layer at least, or one of several that all failed alike, unless it is as an input of
    another structure would make them fail.
    """
    furthest = max(attempts, key=lambda attempt: attempt.calls)
    alike = len(attempts) > 1 and len({(attempt.kind, attempt.said) for attempt in attempts}) == 1
    tells = alike and not issubclass(furthest.kind, TypeError | AttributeError | LookupError)
    return furthest if furthest.layers or furthest.calls > 2 or tells else None
