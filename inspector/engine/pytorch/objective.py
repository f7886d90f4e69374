"""What gradients are taken of."""

from typing import Any

import torch

from inspector.engine.pytorch.nested import tensors_in


def objective_of(output: Any, seed: int) -> torch.Tensor | None:
    """⟨output, r⟩ for a fixed random r: the sum of a softmax would have no gradient.

    None where no part of the output depends on a parameter in a differentiable way.
    """
    generator = torch.Generator().manual_seed(seed)
    objective = None
    for tensor in tensors_in(output):
        if tensor.requires_grad and (tensor.is_floating_point() or tensor.is_complex()):
            direction = torch.randn(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)
            part = (tensor * direction).sum()
            part = part.real if part.is_complex() else part
            objective = part if objective is None else objective + part.to(objective.device)
    return objective
