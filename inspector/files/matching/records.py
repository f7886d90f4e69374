"""What matching takes and gives: tensors of both sides, how a model's values are made of a file's, and the findings."""

from inspector.core.loads import LoadRule, Mismatch
from inspector.core.record import Record

Shape = tuple[int, ...]

LOSSLESS = frozenset(
    {"transpose", "squeeze", "kernel_layout", "qkv_split", "qkv_join", "weight_norm", "spectral_norm", "tied"}
)
"""Rules on values or spellings that keep every bit of the file; all that `diagnose` uses unless told otherwise."""

LOSSY = frozenset({"weight_norm_fold"})
"""Rules that make the model's values, but from which the file's cannot be had back."""


class Entry(Record, frozen=True, kw_only=True):
    """A tensor of a file or of a model."""

    key: str
    shape: Shape | None
    """None where it is not known yet (a lazy module's), and any fits."""
    dtype: str = ""
    identity: str | None = None
    """Entries with the same one share memory, so they are tied; None where that is not known."""
    trainable: bool | None = None
    persistent: bool = True
    kind: str = ""
    """Of a model: "parameter" or "buffer"; empty where it is not known, as in a file."""
    module_type: str = ""
    """Class of the module that holds it, where it is known."""


class Change(Record, frozen=True, kw_only=True):
    """One step from a file's values to the model's, each a function of numpy and torch alike.

    ``join``: the values, one after another along `axis`. ``part``: from `start` to `stop` along `axis`. ``permute``:
    axes in the order of `axes`. ``reshape``: to `shape`, only ones come or go. ``weight_norm``: of the values g and
    v, ``g · v / ‖v‖`` with the norm over every axis but `axis`, or over all where `axis` is None.
    """

    op: str
    axis: int | None = None
    start: int | None = None
    stop: int | None = None
    axes: list[int] = []
    shape: list[int] = []


class Transfer(Record, frozen=True, kw_only=True):
    """How one tensor of the model is made of the file's."""

    target: str
    """Key of the model."""
    sources: list[str]
    """Keys of the file, in the order in which the changes take them."""
    changes: list[Change] = []
    """Applied one after another; none where the values are copied."""
    confidence: float = 1.0
    """1 where names or an unmistakable structure say so, 0.5 where others would do as well."""
    lossy: bool = False

    @property
    def change(self) -> str:
        """What is done in a word or two: "copy", "permute+reshape"."""
        return "+".join(step.op for step in self.changes) or "copy"


class Ambiguity(Record, frozen=True, kw_only=True):
    """Keys of the model that several keys of the file would fit equally well."""

    model: list[str]
    candidates: list[str]
    """Keys of the file; the transfers, where there are any, take them in order."""
    why: str = ""


class Clash(Record, frozen=True, kw_only=True):
    """Keys taken for each other, by name or place, whose shapes do not fit."""

    model: list[str]
    file: list[str]


class Benign(Record, frozen=True, kw_only=True):
    """A key that only one side has, or has with another shape, and that does not matter."""

    key: str
    side: str
    """Where it is: "model" or "file"."""
    why: str


class Partial(Record, frozen=True, kw_only=True):
    """A part that cannot be taken over as it is: load the rest, and initialise this."""

    kind: str
    """"class head", "input channels", "position table", "vocabulary", or "weight norm" and others by their rule."""
    keys: list[str]
    """Of the model."""
    sources: list[str]
    """Of the file."""
    elements: int
    """Of the model, that would stay as initialised."""
    message: str


class Diagnosis(Record, frozen=True, kw_only=True):
    """How the keys of a file become those of a model, and what is left."""

    transfers: list[Transfer]
    rules: list[LoadRule]
    matched: int
    """Keys of the model that are filled."""
    missing: list[str]
    """Keys of the model that nothing fills, without those in `mismatched` and `benign`."""
    unexpected: list[str]
    """Keys of the file that nothing uses, without those in `mismatched` and `benign`."""
    mismatched: list[Mismatch]
    clashes: list[Clash]
    """The same with the keys of both sides."""
    ambiguous: list[Ambiguity]
    benign: list[Benign]
    partial: list[Partial]
    coverage: float
    """Share of the model's elements that the file fills, tied ones counted once."""
    stays_random: list[str]
    """Keys of the model that keep their initial values."""
    notes: list[str] = []
    """What cannot be seen from shapes, a sentence each."""
    refused: bool = False
    """Whether the file is another model's, or of a kind that renaming cannot mend."""
    verdict: str
    loads: bool
    """Whether every key of the model that matters is filled and nothing that matters is left over."""
