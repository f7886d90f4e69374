"""A live model with its history of changes."""

from inspector.core.edits import Edit, Journal, described
from inspector.core.errors import RequestError
from inspector.core.results import EditReport
from inspector.core.stops import StepReport, StepSettings
from inspector.engine.live import LiveModel, Progress, Undo
from inspector.engine.stepping import Stepping


class Session:
    """Applies edits to a model, takes them back and makes them again."""

    def __init__(self, model: LiveModel) -> None:
        self.model = model
        self.journal = Journal()
        self._undo: list[Undo] = []
        self._stepping: Stepping | None = None

    @property
    def waiting(self) -> Stepping | None:
        """The pass that is being stepped through; None where there is none, or it is over."""
        return None if self._stepping is None or self._stepping.is_over else self._stepping

    def start_stepping(self, settings: StepSettings, progress: Progress) -> StepReport:
        """Leave a pass that waits, and begin another."""
        self.end_stepping()
        self._stepping = self.model.step_through(settings, progress)
        return self._stepping.start()

    def stepping(self) -> Stepping:
        """The pass that waits. Raises RequestError where none does."""
        if self.waiting is None:
            raise RequestError("no pass is being stepped through; start stepping again")
        return self.waiting

    def end_stepping(self) -> None:
        """Leave a pass that waits; the model is as it was before it."""
        if self.waiting is not None:
            self.waiting.go("end", None, lambda done, total, text: None)

    def take_all_back(self) -> None:
        """Leave a pass that waits and take every change back."""
        self.end_stepping()
        while self.journal.done:
            self.undo()

    def apply(self, edit: Edit, progress: Progress = lambda *_: None) -> EditReport:
        """Make a change and remember how to take it back."""
        edit = self.model.settled(edit, progress)
        keys, message, undo = self.model.apply(edit)
        self.journal.record(edit)
        self._undo.append(undo)
        return self._report(edit, keys, message)

    def undo(self) -> EditReport:
        """Take the last change back. Raises RequestError where there is none."""
        edit = self.journal.undo()
        if edit is None:
            raise RequestError("there is nothing to undo")
        self._undo.pop()()
        return self._report(edit, [], f"taken back: {described(edit)}")

    def redo(self) -> EditReport:
        """Make the last undone change again. Raises RequestError where there is none."""
        if not self.journal.undone:
            raise RequestError("there is nothing to redo")
        edit = self.journal.undone[-1]
        keys, message, undo = self.model.apply(edit)
        self.journal.redo()
        self._undo.append(undo)
        return self._report(edit, keys, message)

    def _report(self, edit: Edit, keys: list[str], message: str) -> EditReport:
        return EditReport(
            edit=edit,
            keys=keys,
            message=message,
            table=self.model.table(),
            can_undo=bool(self.journal.done),
            can_redo=bool(self.journal.undone),
        )
