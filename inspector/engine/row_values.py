"""What the rows of a run put out: the one form in which two live models are compared."""

from dataclasses import dataclass, field

import torch

Named = list[tuple[str, torch.Tensor]]


@dataclass(frozen=True)
class RowValue:
    """A row's outputs, as they were when it finished."""

    path: str
    """As its caller knows the module."""
    call: int
    type: str
    kind: str
    tensors: list[torch.Tensor]
    line: tuple[str, int] | None
    """File and line of the call in the user's source."""
    row: int


@dataclass(frozen=True)
class ModuleValues:
    """A PyTorch pass: rows in the order in which they finish."""

    inputs: Named
    outputs: Named
    rows: list[RowValue]
    rounding: dict[int, float]
    """By position among the rows, how far the same pass in a wider type is from it, as a relative difference."""
    output_rounding: list[float]
    random: frozenset[int]
    """Positions among the rows of which another seed gives other values."""
    random_outputs: frozenset[int]
    """Positions of such outputs."""
    holders: list[str]
    """Paths of the modules with parameters of their own."""
    names: dict[str, list[str]]
    """By the path of each of them, every path that it is registered under."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NodeValue:
    """One value that a node made."""

    name: str
    tensor: torch.Tensor
    node: str
    row: int
    """Of the node, in its model's table."""
    position: int
    last_read: int
    """Position of the last node that reads it; behind all for an output of the graph, −1 where nothing does."""
    modules: tuple[str, ...]
    """Paths of the modules it is part of, the outermost first."""
    lines: tuple[tuple[str, int], ...]
    """Files and lines of the stack that the exporter wrote down, the innermost first."""
    final: bool
    """Whether it is what a function returned, not a step on the way there."""


@dataclass(frozen=True)
class GraphValues:
    """A run of an ONNX graph."""

    values: list[NodeValue]
    """In the order of the nodes; not constants."""
    calls: dict[str, list[tuple[int, int, int]]]
    """By the path of a module the stretches of nodes that it is: first position, the one behind the last, and row."""
    readers: dict[str, list[NodeValue]]
    """By the path of a module, what the nodes make that read its parameters."""
    outputs: Named
    output_nodes: list[str]
    failure: str | None = None
    failed_node: str = ""
    failed_module: str = ""
