"""What a file of tensors declares about itself."""

from typing import Literal

from inspector.core.named_globals import NamedGlobal
from inspector.core.record import Record

PartKind = Literal["weights", "average", "optimizer", "other"]


class FilePart(Record, frozen=True, kw_only=True):
    """A part of a file of tensors that is of one use."""

    name: str
    """In words: "model weights", "EMA weights", "Adam state"."""
    path: str
    """Where in the file it is, "" for its top."""
    kind: PartKind
    """"average" is a copy of the weights: EMA, SWA, a teacher."""
    bytes: int
    """Of its storages, those left out that a part before it has as well."""
    share: float | None
    """Of the bytes of all tensors; None where there are none."""
    tensors: int


class FileInfo(Record, frozen=True, kw_only=True):
    """What a file of tensors declares about itself."""

    format: str
    bytes: int
    tensors: int
    globals: list[str] = []
    unsafe_globals: list[str] = []
    global_details: list[NamedGlobal] = []
    """What each of `globals` is."""
    container: str = ""
    parts: list[FilePart] = []
    dtypes: dict[str, int] = {}
    """Bytes by dtype, each storage once; so `devices`, by the device that was saved."""
    devices: dict[str, int] = {}
