"""Which files an index may name: those in its own folder."""

import os
from pathlib import Path


class Containment:
    """Finds the files that an index or a checkpoint's metadata names, and refuses those outside of its folder."""

    def __init__(self, folder: Path, allow_outside: bool = False) -> None:
        self.folder = folder
        self.allow_outside = allow_outside
        self.root = os.path.realpath(_repository(folder))

    def find(self, name: str) -> Path | None:
        """The file of that name; None where it would lie outside, by its path or through a link."""
        place = self.folder / name
        if self.allow_outside:
            return place
        if "\0" in name or os.path.isabs(name) or ".." in name.replace("\\", "/").split("/"):
            return None
        real = os.path.realpath(place)
        return place if real.startswith(self.root.rstrip(os.sep) + os.sep) else None


def _repository(folder: Path) -> Path:
    """The folder itself; in the Hugging Face cache the repository's, since a snapshot is links to files beside it."""
    repository = Path(os.path.abspath(folder)).parent.parent
    if Path(os.path.abspath(folder)).parent.name == "snapshots" and (repository / "blobs").is_dir():
        return repository
    return folder
