"""What a file of weights left undone, module by module."""

from collections.abc import Iterator

from inspector.core.table import ModelTable, Record


class LoadState(Record, frozen=True, kw_only=True):
    """Keys at or below one module that the file and the model do not agree on."""

    missing: int = 0
    """The file has nothing for them."""
    mismatched: int = 0
    """The file has them with another shape."""
    unexpected: int = 0
    """The file has them, the model does not."""

    def __str__(self) -> str:
        """As short as can be: ``missing 2, shape 1, extra 1``."""
        counts = {"missing": self.missing, "shape": self.mismatched, "extra": self.unexpected}
        return ", ".join(f"{what} {count}" for what, count in counts.items() if count)


def load_states(table: ModelTable) -> dict[str, LoadState]:
    """By path, of the modules where something is left undone and of all above them; none without weights."""
    load = table.load
    if load is None:
        return {}
    counts: dict[str, list[int]] = {}
    paths = {row.path for row in table.rows if row.kind != "function"}
    undone = (load.missing, [one.key for one in load.mismatched], load.unexpected)
    for kind, keys in enumerate(undone):
        for key in keys:
            for path in _above(key):
                if path in paths:
                    counts.setdefault(path, [0, 0, 0])[kind] += 1
    return {path: LoadState(missing=a, mismatched=b, unexpected=c) for path, (a, b, c) in counts.items()}


def _above(key: str) -> Iterator[str]:
    """The paths of the module that a key belongs to and of all that hold it."""
    while key:
        key = key.rpartition(".")[0]
        yield key
