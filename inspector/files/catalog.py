"""The catalog of a file of tensors: what it declares, as plain records."""

from typing import Literal

from inspector.core.named_globals import NamedGlobal
from inspector.core.record import Record
from inspector.core.table import FormulaLine, LocalField, Note, ReceptiveField

Setting = bool | int | float | str | None | list[bool | int | float | str | None]


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
    conjugated: bool = False
    """Whether its values are the conjugates of those in the storage."""
    negated: bool = False
    """Whether they are the negatives."""
    quantised: str = ""
    """What a stored integer q stands for, where the tensor is quantised: ``0.1·(q − 3)``, or "not known"."""
    requires_grad: bool = False
    file: str | None = None
    """The file in which its storage lies; None where its values cannot be read."""
    record: str | None = None
    """Of an archive, the member that is its storage."""
    start: int = 0
    """Byte at which the storage begins, of the file or of the archive's member."""
    pieces: list[Piece] = []
    """Where it is split over several files."""
    family: Literal["parameter", "buffer"] | None = None
    """What it is in its module; None where the file does not say."""
    persistent: bool = True
    """False for a buffer that its module leaves out of its state_dict."""


class CatalogContainer(Record, frozen=True, kw_only=True):
    """A mapping, list or pickled object in the file, with what it holds besides tensors."""

    path: list[str]
    type: str
    tensors: int
    """Held directly, not in containers within it."""
    entries: dict[str, str] = {}
    """Everything that is neither a tensor nor a container, as text: ``{"epoch": "3"}``."""
    metadata: dict[str, dict[str, Setting]] = {}
    """Of a state_dict: what its modules noted when they were saved, by path, as torch's ``_metadata`` has it."""
    numbered: bool = False
    """Whether its keys are numbers: those of a list, or of a mapping such as an optimizer's ``state``."""


class CatalogModule(Record, frozen=True, kw_only=True):
    """A pickled module: what it is and how it was made, of which nothing was imported."""

    container: list[str] = []
    """The keys that lead to the model that it is part of; empty at the top of the file."""
    path: str
    """Its name in the model's ``named_modules()``, "" for the model itself."""
    type: str
    """The class's own name, "Conv2d"."""
    class_path: str
    """The class as the file names it, "torch.nn.modules.conv.Conv2d"."""
    training: bool | None = None
    settings: dict[str, Setting] = {}
    """The numbers, texts and flags among its attributes, and short lists of them."""
    hyperparameters: str = ""
    """The same in one line, for torch's classes as torch prints them."""
    shared_with: str | None = None
    """The path at which this very module came up first."""
    formula: list[FormulaLine] | None = None
    receptive_field: ReceptiveField | None = None
    local_field: LocalField | None = None


class Catalog(Record, frozen=True, kw_only=True):
    """All that a file of tensors says about itself."""

    path: str
    format: str
    """torch-zip, torch-legacy, torch-tar, torchscript, torch-export, torch-distributed, safetensors, safetensors-index
    (also of torch files), shards, numpy, numpy-archive or gguf."""
    bytes: int
    root: str
    """What the top of the file is: "mapping", "module" (a whole pickled model), "tensor", "list" or "other"."""
    root_type: str
    """Its type as the file names it: "dict", "collections.OrderedDict", "__main__.Net"."""
    tensors: list[CatalogTensor]
    containers: list[CatalogContainer] = []
    modules: list[CatalogModule] = []
    """Of pickled models, in the order of ``named_modules()``."""
    globals: list[NamedGlobal] = []
    """Every class and function that the pickle names, by name."""
    big_endian: bool = False
    """The order of bytes in the storages."""
    protocol: int | None = None
    """Of the pickle."""
    shards: list[str] = []
    """Of an index: the files beside it that hold the tensors."""
    named: list[str] = []
    """The places of all files that an index or a checkpoint's metadata names, whether or not there is such a file."""
    notes: list[Note] = []

    @property
    def unsafe_globals(self) -> list[str]:
        """The names that torch's ``weights_only`` reader does not allow by default."""
        return [found.name for found in self.globals if not found.allowed]
