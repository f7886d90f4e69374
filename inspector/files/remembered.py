"""What is remembered from one day to the next: a small file for each model, and the person's habits.

Two of our processes may write at the same time: each file is written whole, and the last one wins.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.core.model_state import Habits, ModelState
from inspector.core.recipe import Recipe, parse_target
from inspector.files.documents import Document, read_document, write_document
from inspector.files.user_folders import STATE, state_folder

FORMAT, HABITS = "nninspect model state", "nninspect habits"
VERSION = 1
MODELS_KEPT = 300
"""The ones that were not looked at for longest are forgotten."""


class _ModelState(Document, frozen=True, kw_only=True):
    target: str
    """For a person who looks into the file."""
    state: ModelState


class _Habits(Document, frozen=True, kw_only=True):
    habits: Habits


def recall(recipe: Recipe) -> ModelState | None:
    """How the recipe's model was looked at last; None where it is opened for the first time.

    Raises RequestError where what was kept does not read.
    """
    file = _file_of(recipe)
    return read_document(str(file), _ModelState, FORMAT, VERSION, "it is ignored").state if _is_there(file) else None


def keep(recipe: Recipe, state: ModelState) -> None:
    """Remember how a model is looked at. Raises RequestError where that cannot be written."""
    file = _file_of(recipe)
    _make(file.parent)
    document = _ModelState(format=FORMAT, version=VERSION, target=_written(recipe), state=state)
    write_document(str(file), document, overwrite=True)
    for old in sorted(file.parent.glob("*.json"), key=_age, reverse=True)[MODELS_KEPT:]:
        old.unlink(missing_ok=True)


def forget(recipe: Recipe) -> None:
    """Remember nothing of a model."""
    with contextlib.suppress(OSError, RequestError):
        _file_of(recipe).unlink(missing_ok=True)


def recall_habits() -> Habits:
    """The person's habits. Raises RequestError where what was kept does not read."""
    file = _habits()
    return read_document(str(file), _Habits, HABITS, VERSION, "it is ignored").habits if _is_there(file) else Habits()


def keep_habits(habits: Habits) -> None:
    """Remember the person's habits. Raises RequestError where that cannot be written."""
    _make(_habits().parent)
    write_document(str(_habits()), _Habits(format=HABITS, version=VERSION, habits=habits), overwrite=True)


def mark_of(recipe: Recipe) -> str:
    """What changes when the target's file does: its size and time; "" where it is no file."""
    target = parse_target(recipe.target)
    try:
        facts = os.stat(os.path.expanduser(target.location))
    except OSError:
        return ""
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def _written(recipe: Recipe) -> str:
    """The target by its whole path, so that two files of one name are two models; with it the weights."""
    target = parse_target(recipe.target)
    place = os.path.expanduser(target.location)
    where = os.path.realpath(place) if os.path.exists(place) else target.location
    return " ".join(filter(None, [recipe.target.replace(target.location, where), _real(recipe.weights)]))


def _real(weights: str | None) -> str:
    return os.path.realpath(os.path.expanduser(weights)) if weights is not None else ""


def _file_of(recipe: Recipe) -> Path:
    name = hashlib.sha256(_written(recipe).encode(errors="surrogateescape")).hexdigest()[:32]
    return state_folder() / "models" / f"{name}.json"


def _habits() -> Path:
    return state_folder() / "habits.json"


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as problem:
        raise RequestError(f"{file} cannot be read: {problem.strerror}; {STATE} names another folder") from None
    return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise RequestError(f"{folder} cannot be made: {problem.strerror}") from None


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
