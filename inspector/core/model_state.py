"""How a model was looked at last: what is remembered of it from one day to the next, but no weights and no results."""

from inspector.core.record import Record
from inspector.core.settings import Spelling
from inspector.core.workspace import TreeState


class ModelState(Record, frozen=True, kw_only=True):
    """What is on show, and the inputs chosen."""

    tree: TreeState = TreeState()
    panel: str = "overview"
    spelling: Spelling = "here"
    inputs: list[str] = []
    """As typed; none where they were worked out."""
    file: str = ""
    """A mark of the target's file then: inputs of another model are not taken up."""


class Habits(Record, frozen=True, kw_only=True):
    """What is remembered of the person, whatever model is open."""

    used: list[str] = []
    """The actions used, of those that hints are about."""
    theme: str | None = None
    """The one chosen last."""
