"""What cross-entropy says of a module's output before training, with random labels."""

import torch
from torch.nn import functional

from inspector.engine.activations import InitialLoss
from inspector.engine.pytorch.experiments.operations import Operation

_AS_IT_IS = {
    "view", "reshape", "squeeze", "flatten", "permute", "transpose", "contiguous", "getitem", "add", "mul", "div",
    "truediv", "float", "interpolate",
}  # fmt: skip
"""They leave logits what they are."""


def initial_loss(
    name: str, output: torch.Tensor, operations: list[Operation], maker: int, samples: int, seed: int
) -> InitialLoss | None:
    """Of an output that can be logits: the work of weights, along two classes or more, and no probabilities."""
    operation = _weighted(operations, maker)
    if operation is None or output.dim() < 2 or len(output) != samples:
        return None
    axis = 1 if operation.name.startswith("conv") or output.dim() == 2 else -1
    logits = output.detach().double().movedim(axis, -1).flatten(0, -2)
    classes = logits.shape[-1]
    # As many classes as samples: similarities of each sample with each.
    if classes < 2 or classes == samples == len(logits) or not bool(logits.isfinite().all()):
        return None
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(-1), logits.new_ones(len(logits)), atol=1e-3):
        return None
    labels = torch.randint(classes, (len(logits),), generator=torch.Generator().manual_seed(seed))
    loss = float(functional.cross_entropy(logits, labels.to(logits.device)))
    return InitialLoss(name, operation.path, operation.source, classes, loss, float(logits.std()))


def _weighted(operations: list[Operation], number: int) -> Operation | None:
    """The operation with weights that made an output, up to views and a scale."""
    while number >= 0:
        operation = operations[number]
        if operation.multiplies or operation.name not in _AS_IT_IS:
            return operation if operation.multiplies else None
        number = operation.inputs[0]
    return None
