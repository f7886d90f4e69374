"""A backward pass that fails, told by the call of forward that it cannot go back through."""

from inspector.core.errors import RequestError
from inspector.core.table import Failure
from inspector.engine.pytorch.experiments.changes_in_place import changes_in_place
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.source_lines import user_source


def failure_of_backward(problem: Exception, subject: Subject) -> Failure:
    """The failure with what changed in place something that was kept, where that is why; else the user's own line."""
    source, path, why, ways = user_source(problem.__traceback__), "", "", list[str]()
    try:
        broken = subject.of(changes_in_place).broken
    except RequestError:
        broken = ()
    if broken:
        changed, saved = broken[0].changed, broken[0].saved
        source, path = changed.source, changed.path
        why = f"{changed.operation} changes in place a tensor that {saved.operation} needs in the backward pass"
        ways = [
            "write it without changing in place: x = x + y instead of x += y, inplace=False instead of inplace=True"
        ]
    problem.__traceback__ = None
    return Failure(
        path=path,
        type=type(problem).__name__,
        message=f"in the backward pass: {first_line(problem) or type(problem).__name__}",
        source=source,
        explanation=why,
        suggestions=ways,
    )
