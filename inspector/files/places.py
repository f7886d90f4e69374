"""In which file of a checkpoint of several each tensor lies, and which piece of it."""

from pathlib import Path

from inspector.core.table import TensorPiece
from inspector.files.catalog import Catalog, CatalogTensor


class Places:
    """The files of one catalog by their paths from its folder."""

    def __init__(self, catalog: Catalog) -> None:
        place = Path(catalog.path)
        self._folder = place if place.is_dir() else place.parent
        self._several = bool(catalog.shards)
        self._names: dict[str, str] = {}

    def files(self, tensor: CatalogTensor) -> list[str]:
        """The files that hold a tensor, each once; none where the catalog is of one file."""
        if tensor.pieces:
            return list(dict.fromkeys(self._name(piece.file) for piece in tensor.pieces))
        return [self._name(tensor.file)] if self._several and tensor.file is not None else []

    def pieces(self, tensor: CatalogTensor) -> list[TensorPiece]:
        """The pieces of a tensor of a distributed checkpoint."""
        return [TensorPiece(file=self._name(piece.file), at=piece.at, shape=piece.shape) for piece in tensor.pieces]

    def _name(self, file: str) -> str:
        if file not in self._names:
            place = Path(file)
            inside = place.is_relative_to(self._folder)
            self._names[file] = str(place.relative_to(self._folder)) if inside else file
        return self._names[file]
