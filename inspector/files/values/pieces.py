"""Pieces of a distributed tensor: each a small archive of ``torch.save`` inside a larger file."""

import io
import zipfile
from pathlib import Path

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog, Piece
from inspector.files.inert_pickle import MAX_BYTES, BrokenPickleError, read_pickle
from inspector.files.torch_objects import read_contents
from inspector.files.values.reading import Array, Mapping, data_offset, map_part, read_tensor


def read_piece(catalog: Catalog, piece: Piece, key: str, mapping: Mapping = map_part) -> Array:
    """The values of one piece of the tensor `key`, mapped from its file, as an array of the piece's shape.

    Raises RequestError where the file is missing or cut off, or where something else lies there.
    """
    path = Path(piece.file)
    try:
        with _Window(path, piece.start, piece.bytes) as window, zipfile.ZipFile(window) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            name = next(name for name in infos if name.endswith("data.pkl"))
            if infos[name].file_size > MAX_BYTES:
                raise RequestError(f"{path}: the pickle of a piece of {key} is too large; the file is damaged")
            (tensor,) = read_contents(read_pickle(archive.read(name)).value).tensors
            stored = infos[f"{name.removesuffix('data.pkl')}data/{tensor.storage}"]
            start = data_offset(path, stored, piece.start)
    except FileNotFoundError:
        raise RequestError(f"{path}, which holds a part of {key}, is not there") from None
    except (zipfile.BadZipFile, BrokenPickleError, StopIteration, KeyError, ValueError, EOFError, OSError) as error:
        raise RequestError(f"a part of {key} cannot be read from {path}: {error}; the file is damaged") from error
    values = read_tensor(catalog, replace(tensor, key=key, file=piece.file, start=start), mapping)
    if list(values.shape) != piece.shape:
        raise RequestError(
            f"a part of {key} in {path} has shape {list(values.shape)}, not {piece.shape}; the file is damaged"
        )
    return values


class _Window(io.RawIOBase):
    """Some bytes of a file as a file of their own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._stream = path.open("rb")
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._stream.seek(self._start + self._at)
        data = self._stream.read(left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()
