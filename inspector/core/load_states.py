"""What a file of weights did to a model and left undone, module by module."""

from collections.abc import Iterable, Iterator

from inspector.core.record import Record
from inspector.core.table import ModelTable

FILLED = "✓"
"""Of a module that the file filled, everything in it by its own name."""


class LoadState(Record, frozen=True, kw_only=True):
    """Keys at or below one module by what became of them."""

    matched: int = 0
    """Filled by what has the same name in the file."""
    by_rule: int = 0
    """Filled by what is called otherwise in the file, or was changed on the way."""
    tied: int = 0
    """Not in the file, but the same memory as a key that is."""
    missing: int = 0
    """The file has nothing for them."""
    mismatched: int = 0
    """The file has them with another shape."""
    ambiguous: int = 0
    """What the file has for them is a guess, so they were not filled."""
    unexpected: int = 0
    """The file has them, the model does not."""

    @property
    def is_whole(self) -> bool:
        """Whether the file and the model agree."""
        return not (self.missing or self.mismatched or self.ambiguous or self.unexpected)

    def __str__(self) -> str:
        """As short as can be: ``✓``, ``✓ by rule, tied``, ``missing 2, shape 1, extra 1, by rule``."""
        left = {
            "missing": self.missing,
            "shape": self.mismatched,
            "unsure": self.ambiguous,
            "extra": self.unexpected,
        }
        counted = [f"{what} {count}" for what, count in left.items() if count]
        ways = [way for way, count in (("by rule", self.by_rule), ("tied", self.tied)) if count]
        return f"{FILLED} {', '.join(ways)}".rstrip() if self.is_whole else ", ".join(counted + ways)


def load_states(table: ModelTable) -> dict[str, LoadState]:
    """By path, of every module that has tensors or for which the file has some; none without weights."""
    load = table.load
    if load is None:
        return {}
    tied = {rule.to for rule in load.rules if rule.kind == "tied"}
    by_rule = load.sources.keys() - tied
    mismatched = [one.key for one in load.mismatched]
    others = {*tied, *by_rule, *load.missing, *mismatched, *load.ambiguous}
    matched = [tensor.key for tensor in table.tensors if tensor.persistent and tensor.key not in others]
    states: dict[str, Iterable[str]] = {
        "matched": matched,
        "by_rule": by_rule,
        "tied": tied,
        "missing": load.missing,
        "mismatched": mismatched,
        "ambiguous": load.ambiguous,
        "unexpected": load.unexpected,
    }
    paths = {row.path for row in table.rows if row.kind != "function"}
    counts: dict[str, dict[str, int]] = {}
    for state, keys in states.items():
        for key in keys:
            for path in _above(key):
                if path in paths:
                    of_path = counts.setdefault(path, {})
                    of_path[state] = of_path.get(state, 0) + 1
    return {path: LoadState(**of_path) for path, of_path in counts.items()}


def _above(key: str) -> Iterator[str]:
    """The paths of the module that a key belongs to and of all that hold it."""
    while key:
        key = key.rpartition(".")[0]
        yield key
