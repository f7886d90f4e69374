"""Pieces of a distributed tensor: each a small archive of ``torch.save`` inside a larger file."""

from pathlib import Path

from msgspec.structs import replace

from inspector.files.catalog import Catalog, Piece
from inspector.files.inert_pickle import MAX_BYTES, BrokenPickleError, read_pickle
from inspector.files.torch_objects import read_contents
from inspector.files.values.reading import Array, DamagedValuesError, Mapping, map_part, read_tensor
from inspector.files.zip_directory import BrokenZipError, read_directory


def read_piece(catalog: Catalog, piece: Piece, key: str, mapping: Mapping = map_part) -> Array:
    """The values of one piece of the tensor `key`, mapped from its file, as an array of the piece's shape.

    Raises DamagedValuesError where the file is missing or cut off, or where something else lies there.
    """
    path = Path(piece.file)
    try:
        archive = read_directory(path, piece.start, piece.bytes)
        name = next(name for name in archive.members if name.endswith("data.pkl"))
        (tensor,) = read_contents(read_pickle(archive.read(name, MAX_BYTES)).value).tensors
        start = archive.place(f"{name.removesuffix('data.pkl')}data/{tensor.storage}")
    except FileNotFoundError:
        raise DamagedValuesError(f"{path}, which holds a part of {key}, is not there") from None
    except (BrokenZipError, BrokenPickleError, StopIteration, KeyError, ValueError, OSError) as error:
        raise DamagedValuesError(f"a part of {key} cannot be read from {path}: {error}; the file is damaged") from error
    values = read_tensor(catalog, replace(tensor, key=key, file=piece.file, start=start), mapping)
    if list(values.shape) != piece.shape:
        raise DamagedValuesError(
            f"a part of {key} in {path} has shape {list(values.shape)}, not {piece.shape}; the file is damaged"
        )
    return values
