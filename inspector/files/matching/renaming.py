"""Where the modules of a file are in the model, as the transfers of their tensors tell."""

from collections.abc import Iterable

from inspector.files.matching.leaf_names import split
from inspector.files.matching.records import Transfer


class Renaming:
    """From the paths of a file's modules to the model's; what no transfer tells of goes with the module above it."""

    def __init__(self, transfers: Iterable[Transfer]) -> None:
        self._known: dict[str, str] = {}
        for transfer in transfers:
            if len(transfer.sources) == 1 and not any(change.op == "part" for change in transfer.changes):
                self._learn(transfer.sources[0], transfer.target)

    def path(self, path: str) -> str:
        """The path in the model of a module of the file."""
        above, below = path, ""
        while above not in self._known and above:
            above, _, name = above.rpartition(".")
            below = f"{name}.{below}" if below else name
        known = self._known.get(above, above)
        return ".".join(part for part in (known, below) if part)

    def key(self, key: str) -> str:
        """The key in the model of a tensor of the file, under the name that it has there."""
        path, _, name = key.rpartition(".")
        moved = self.path(path)
        return f"{moved}.{name}" if moved else name

    def _learn(self, source: str, target: str) -> None:
        given, kept = list(split(tuple(source.split(".")))[0]), list(split(tuple(target.split(".")))[0])
        while ".".join(given) not in self._known:
            self._known[".".join(given)] = ".".join(kept)
            if not given or not kept or given[-1] != kept[-1]:
                return
            del given[-1], kept[-1]
