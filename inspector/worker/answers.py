"""What every client makes of the engine's answers: exceptions, and the journal of the changes that were made."""

from typing import Any

from inspector.core.edits import Journal
from inspector.core.errors import ModelEndedError, NoOneModelError, RequestCancelledError, RequestError
from inspector.core.results import EditReport
from inspector.worker import protocol

SECONDS_TO_LISTEN = 0.5
"""After asking a request to stop, how long until it is interrupted."""
SECONDS_TO_STOP = 2.0
"""After interrupting it, how long until no more is waited for."""


def note_in(journal: Journal, request: protocol.Request[Any], answer: Any) -> None:
    """Keep the journal as the engine's own, after a request that was carried out."""
    if isinstance(request, protocol.Open):
        journal.done[:] = request.recipe.edits
        journal.undone.clear()
    elif isinstance(request, protocol.Apply):
        assert isinstance(answer, EditReport)  # the answer to an Apply
        journal.record(answer.edit)
    elif isinstance(request, protocol.Undo):
        journal.undo()
    elif isinstance(request, protocol.Redo):
        journal.redo()


def as_exception(refused: protocol.Refused) -> Exception:
    """The exception that a refusal is raised as, the user code's traceback in its notes."""
    if refused.kind == "cancelled":
        return RequestCancelledError(refused.message)
    problem: Exception
    if refused.kind == "ended":
        problem = ModelEndedError(refused.message)
    elif refused.kind == "internal":
        problem = RequestError(
            f"nninspect failed on this model ({refused.message}); report it with its traceback, which --debug prints "
            "on the command line"
        )
    elif refused.models is not None:
        problem = NoOneModelError(refused.message, refused.models)
    else:
        problem = RequestError(refused.message)
    if refused.traceback:
        problem.add_note(refused.traceback)
    return problem
