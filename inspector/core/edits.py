"""Changes to a model as records: done, undone, replayed after a crash, printed as a script."""

from typing import Literal

import msgspec

from inspector.core.record import Record

EditAction = Literal["initialise", "set_element", "place", "mode", "rename", "requires_grad", "tie", "materialise"]


class Edit(Record, frozen=True, kw_only=True):
    """One change: enough to make it again on a fresh copy of the model, to the same bits."""

    action: EditAction
    where: str
    """For `initialise` a selector (see `inspector.core.selectors`), for `set_element` a key, for `rename` a tensor's
    key, another value's name or a node's path, told apart by ``value:`` or ``node:`` before it; for `requires_grad` a
    key or a module path, for `tie` the key of the parameter that is given up; else a module path."""
    argument: str
    """The initialiser's call (``kaiming_uniform_(a=0.0)``), the new value or name, the device, "train" / "eval",
    "True" / "False", or the key of the parameter that is kept."""
    index: list[int] = []
    """For `set_element`: one index per axis."""
    frozen: bool = False
    """For `initialise`: also parameters that do not require a gradient, which are else left alone unless `where` is
    their key."""
    scales: dict[str, float] | None = None
    """For lsuv: by key, what its orthogonal draw is multiplied by, as the passes asked for; None until it is made."""
    seed: int = 0
    input_shapes: list[list[int]] = []


class Journal(msgspec.Struct):
    """The changes made so far, and those taken back."""

    done: list[Edit] = []
    undone: list[Edit] = []

    def record(self, edit: Edit) -> None:
        """Append a new change; what was undone before it can no longer be redone."""
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit | None:
        """Move the last change to the undone ones and return it; None if there is none."""
        if not self.done:
            return None
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def redo(self) -> Edit | None:
        """Move the last undone change back and return it; None if there is none."""
        if not self.undone:
            return None
        self.done.append(self.undone.pop())
        return self.done[-1]


def described(edit: Edit) -> str:
    """An edit in a few words."""
    where = edit.where or "the model"
    if edit.action == "set_element":
        return f"{where}[{', '.join(map(str, edit.index))}] = {edit.argument}"
    return f"{edit.action.replace('_', ' ')} {where}: {edit.argument}"
