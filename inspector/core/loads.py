"""How a file of weights fitted a model."""

from inspector.core.record import Record


class Mismatch(Record, frozen=True, kw_only=True):
    """A key whose shape in the file is not its shape in the model."""

    key: str
    file_shape: list[int]
    model_shape: list[int]


class LoadRule(Record, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A renaming that made a file's keys the model's."""

    kind: str
    from_: str
    to: str
    tensors: int
    confidence: float = 1.0
    lossy: bool = False
    condition: str = ""
    """For which numbers it holds: "n ≥ 3"; empty for all."""
    keys: list[str] = []
    """Of the model, those that it helped to fill."""


class Load(Record, frozen=True, kw_only=True):
    """How a file of weights fitted the model."""

    matched: int
    missing: list[str] = []
    unexpected: list[str] = []
    mismatched: list[Mismatch] = []
    coverage: float
    """Share of the model's elements that the file filled."""
    rules: list[LoadRule] = []
    sources: dict[str, list[str]] = {}
    """By key of the model, the keys of the file that filled it, where it was not one of the same name as it is."""
    ambiguous: list[str] = []
    """Keys of the model that were not filled because what would fill them is a guess: several tensors fit
    equally well, or shapes do not tell the layout."""
    container: str = ""
    """Of the file's state_dicts the one that was loaded: the keys that lead to it, joined by dots."""
    rivals: list[str] = []
    """Other state_dicts that would have filled as much, where it was not said which to take."""
    refused: bool = False
    """Whether the file is taken for another model's, so that only what has the same names was loaded."""
    doubts: dict[str, str] = {}
    """Why each of `ambiguous` is."""
    python: str = ""
    """Lines that make of the file what was loaded, as ``state``, where it is more than the file's own state_dict."""

    @property
    def fits(self) -> bool:
        """Whether the file fills the model, and all of it that matters is used."""
        return not (self.missing or self.unexpected or self.mismatched or self.ambiguous)
