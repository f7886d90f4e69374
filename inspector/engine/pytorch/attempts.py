"""Inputs that were tried in vain, and which of those failures is worth showing."""

from inspector.engine.pytorch.inputs.trying import Outcome


def worth_showing(attempts: list[Outcome]) -> Outcome | None:
    """The attempt whose failure tells something about the model, not about the input that was tried.

    One that got past the first layer at least, or one of several that all failed alike, unless it is as an input of
    another structure would make them fail.
    """
    if not attempts:
        return None
    furthest = max(attempts, key=lambda attempt: attempt.progress)
    alike = len(attempts) > 1 and len({(attempt.kind, attempt.said) for attempt in attempts}) == 1
    tells = alike and not issubclass(furthest.kind or Exception, TypeError | AttributeError | LookupError)
    return furthest if furthest.layers or furthest.calls > 2 or tells else None
