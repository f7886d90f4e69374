"""How a model and an ONNX file differ, or two ONNX files: tensors, nodes, and the values of one run of both."""

from inspector.core.differences import DiffReport
from inspector.core.record import Record
from inspector.core.row_comparison import RowComparison
from inspector.core.table import ModelTable


class ChangedNode(Record, frozen=True, kw_only=True):
    """A node of both files of which something differs."""

    a: str
    b: str
    what: str
    """An attribute's name; "inputs" where it reads other values."""
    before: str
    after: str


class NodeDifferences(Record, frozen=True, kw_only=True):
    """How the nodes of two graphs differ."""

    only_a: list[str]
    only_b: list[str]
    changed: list[ChangedNode]
    unchanged: int

    @property
    def differ(self) -> bool:
        """Whether one has what the other lacks, or has it otherwise."""
        return bool(self.only_a or self.only_b or self.changed)


class GraphComparison(Record, frozen=True, kw_only=True):
    """All that differs."""

    tensors: DiffReport
    nodes: NodeDifferences | None = None
    """None where one of the two is no graph."""
    comparison: RowComparison | None = None
    """None where they were not run on the same inputs; `notes` says why."""
    notes: list[str] = []
    table: ModelTable | None = None
    """Of the first model, or the PyTorch one: `row` of a compared row is an index in it. None for a file of tensors."""
    graph: ModelTable | None = None
    """Of the other: `node_row` of a compared row is an index in it."""

    @property
    def same(self) -> bool:
        """Whether nothing differs that was compared."""
        nodes_are = self.nodes is None or not self.nodes.differ
        return self.tensors.same and nodes_are and (self.comparison is None or not self.comparison.parts)
