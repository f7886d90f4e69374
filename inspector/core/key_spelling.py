"""The two spellings of every name: plain, and as DataParallel would save it.

Only the model knows which tokens belong to wrappers: a user's own submodule may be called "module" too. So both
spellings take the paths of the wrappers' tokens, which `wrapped_paths` reads off the rows and `wrapped_paths_of_keys`
off explained keys. Names are dotted paths: those of rows and keys alike.
"""

from collections.abc import Iterable
from functools import lru_cache

from inspector.core.results import KeyExplanation
from inspector.core.table import Row


def plain(name: str, wrapped: frozenset[str] = frozenset()) -> str:
    """`name` without the wrappers' tokens, as the model on its own would have it."""
    if not wrapped:
        return name
    kept = []
    prefix = ""
    for token in name.split("."):
        prefix = f"{prefix}.{token}" if prefix else token
        if prefix not in wrapped:
            kept.append(token)
    return ".".join(kept)


def as_saved_from_data_parallel(name: str, wrapped: frozenset[str] = frozenset()) -> str:
    """`name` as it is once the whole model stands in DataParallel: "module." in front, unless it stands in one already.

    Wrappers inside the model keep their tokens.
    """
    if _stands_in_data_parallel(wrapped):
        return name
    return f"module.{name}" if name else "module"


def spell(name: str, wrapped: frozenset[str], as_saved: bool) -> str:
    """`name` in the spelling that a view shows: as saved from DataParallel, or plain."""
    return as_saved_from_data_parallel(name, wrapped) if as_saved else plain(name, wrapped)


def wrapped_paths(rows: Iterable[Row]) -> frozenset[str]:
    """The paths that end in a wrapper's token: "module" where DataParallel is the root."""
    return frozenset(f"{row.path}.{row.wrapper}" if row.path else row.wrapper for row in rows if row.wrapper)


def wrapped_paths_of_keys(explanations: Iterable[KeyExplanation]) -> frozenset[str]:
    """The same, from explained keys."""
    found = set()
    for explanation in explanations:
        for length, part in enumerate(explanation.parts, start=1):
            if part.kind == "wrapper":
                found.add(".".join(each.text for each in explanation.parts[:length]))
    return frozenset(found)


@lru_cache(maxsize=16)
def _stands_in_data_parallel(wrapped: frozenset[str]) -> bool:
    """Whether one of the wrappers around the whole model keeps it in "module"."""
    token_by_outer = dict(path.rpartition(".")[::2] for path in wrapped)
    outer = ""
    while (token := token_by_outer.get(outer)) is not None:
        if token == "module":
            return True
        outer = f"{outer}.{token}" if outer else token
    return False
