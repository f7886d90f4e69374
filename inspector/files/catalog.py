"""The catalog of a file of tensors: what it declares, as plain records."""

from inspector.core.table import Note, Record


class Piece(Record, frozen=True, kw_only=True):
    """A part of a tensor that lies in a file of its own: a box of it, beginning at `at`."""

    at: list[int]
    shape: list[int]
    file: str
    start: int
    """Byte of the file at which a small archive of ``torch.save`` with this part begins."""
    bytes: int
    """Of that archive."""


class CatalogTensor(Record, frozen=True, kw_only=True):
    """A tensor that a file declares; no value has been read."""

    key: str
    """Its container and its name, joined by dots; the state_dict key itself where the file is a plain state_dict."""
    container: list[str] = []
    """The keys that lead to the mapping that holds it; empty at the top of the file."""
    name: str
    """Its key in that mapping."""
    shape: list[int]
    dtype: str
    storage: str | None
    """Tensors with the same storage share memory; None for tensors without one (meta, sparse)."""
    storage_offset: int
    """In elements."""
    strides: list[int]
    """In elements."""
    device: str
    elements: int
    bytes: int
    """What its elements take; for sparse tensors, what is stored."""
    layout: str = "strided"
    requires_grad: bool = False
    file: str | None = None
    """The file in which its storage lies; None where its values cannot be read."""
    record: str | None = None
    """Of an archive, the member that is its storage."""
    start: int = 0
    """Byte at which the storage begins, of the file or of the archive's member."""
    pieces: list[Piece] = []
    """Where it is split over several files."""


class CatalogContainer(Record, frozen=True, kw_only=True):
    """A mapping, list or pickled object in the file, with what it holds besides tensors."""

    path: list[str]
    type: str
    tensors: int
    """Held directly, not in containers within it."""
    entries: dict[str, str] = {}
    """Everything that is neither a tensor nor a container, as text: ``{"epoch": "3"}``."""


class Catalog(Record, frozen=True, kw_only=True):
    """All that a file of tensors says about itself."""

    path: str
    format: str
    """torch-zip, torch-legacy, torchscript, safetensors or safetensors-index."""
    bytes: int
    root: str
    """What the top of the file is: "mapping", "module" (a whole pickled model), "tensor", "list" or "other"."""
    root_type: str
    """Its type as the file names it: "dict", "collections.OrderedDict", "__main__.Net"."""
    tensors: list[CatalogTensor]
    containers: list[CatalogContainer] = []
    globals: list[str] = []
    """Every class and function that the pickle names."""
    unsafe_globals: list[str] = []
    """Those that torch's ``weights_only`` reader does not allow by default."""
    big_endian: bool = False
    """The order of bytes in the storages."""
    protocol: int | None = None
    """Of the pickle."""
    shards: list[str] = []
    """Of an index: the files beside it that hold the tensors."""
    notes: list[Note] = []
