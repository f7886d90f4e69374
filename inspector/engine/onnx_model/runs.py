"""The record of one run of a graph, by whichever runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from inspector.engine.onnx_model.failing import Refusal
from inspector.engine.onnx_model.held import Held, measurable


@dataclass(frozen=True)
class Run:
    """One run."""

    values: dict[str, Held]
    """By name, in the order of the nodes."""
    reached: int
    """Nodes before this position ran."""
    seconds: float
    node_seconds: Mapping[int, float] = field(default_factory=dict)
    node_providers: Mapping[int, str] = field(default_factory=dict)
    """Where each node ran, as onnxruntime's profile has it: ``CUDAExecutionProvider``."""
    refusal: Refusal | None = None
    feeds: Mapping[str, Held] = field(default_factory=dict)
    """What it was given."""
    instead: str | None = None
    """What onnxruntime refused, where ONNX's reference evaluator ran instead."""

    def tensor(self, name: str) -> torch.Tensor | None:
        """A value that is a tensor of numbers; None for all others."""
        return measurable(self.values.get(name))


NO_RUN = Run({}, 0, 0.0)
