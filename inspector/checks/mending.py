"""Changes of the live model that mend what a rule found, where one change does; see `Finding.edit`."""

import zlib

from inspector.checks.evidence import Evidence
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.initialisers import parse_initialiser

_DRAWS = ("layer_default", "kaiming_uniform_(nonlinearity=relu)")
"""The first that a tensor takes: as its layer draws it, else for the commonest activation."""


def drawn_anew(evidence: Evidence, key: str, varied: bool = False) -> Edit | None:
    """Initialise one tensor; `varied`: not with one value everywhere, which some layers start with."""
    return next((edit for edit in (_draw(key, one) for one in _DRAWS) if _does(evidence, edit, varied)), None)


def filled(evidence: Evidence, where: str, initialiser: str) -> Edit | None:
    """Initialise what a selector means; None where the model does not take it."""
    edit = _draw(where, initialiser)
    return edit if _does(evidence, edit, varied=False) else None


def unfrozen(path: str) -> Edit:
    """Let all parameters of a module, or one by its key, require a gradient."""
    return Edit(action="requires_grad", where=path, argument="True")


def _draw(where: str, initialiser: str) -> Edit:
    # Equal tensors drawn with one seed would be equal to the bit.
    seed = zlib.crc32(where.encode())
    return Edit(action="initialise", where=where, argument=str(parse_initialiser(initialiser)), seed=seed)


def _does(evidence: Evidence, edit: Edit, varied: bool) -> bool:
    if evidence.model is None:
        return False
    try:
        (*_, last) = evidence.model.preview(edit).targets
    except RequestError:
        return False
    return not varied or last.after.std not in (0, None)
