"""The catalog of a file of tensors: what it declares, as plain records."""

from inspector.core.table import Note, Record


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
    protocol: int | None = None
    """Of the pickle."""
    shards: list[str] = []
    """Of an index: the files beside it that hold the tensors."""
    notes: list[Note] = []
