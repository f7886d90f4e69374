"""How much a bias moves the output beside the weight that it goes with."""

import contextlib
from dataclasses import dataclass, replace
from typing import Any

import torch

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.experiments.affine import LARGEST_COPY
from inspector.engine.pytorch.experiments.flow import arguments_for_flow
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors


@dataclass(frozen=True)
class BiasGradient:
    """The norms of the gradients of one module's bias and weight."""

    path: str
    bias: float
    weight: float
    elements: int
    """Of the bias."""

    @property
    def ratio(self) -> float:
        """Of the norms; infinite where the weight has no gradient."""
        return self.bias / self.weight if self.weight else float("inf")


def bias_gradients(subject: Subject) -> list[BiasGradient]:
    """Of ⟨output, r⟩ for a fixed random r, in train mode. Raises RequestError where the pass fails."""
    arguments, _ = arguments_for_flow(subject)
    if sum(parameter.numel() for parameter in subject.module.parameters()) <= LARGEST_COPY:
        with contextlib.suppress(RequestError):
            # In float32 what cancels leaves rounding of a sum over all positions.
            exact = replace(subject, module=subject.copied().double())
            return _measured(exact, with_tensors(arguments, _in_double))
    return _measured(subject, arguments)


def _in_double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _measured(subject: Subject, arguments: Arguments) -> list[BiasGradient]:
    def measured(output: Any) -> list[BiasGradient]:
        generator = torch.Generator().manual_seed(subject.seed % 2**63)
        outputs = [tensor for tensor in tensors_in(output) if tensor.requires_grad and tensor.is_floating_point()]
        if not outputs:
            return []
        for parameter in subject.module.parameters():
            parameter.grad = None
        terms = [
            (tensor * torch.randn(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)).sum()
            for tensor in outputs
        ]
        sum(terms[1:], start=terms[0]).backward()
        found = []
        for path, module in subject.module.named_modules():
            own = module._parameters
            bias, weight = own.get("bias"), own.get("weight")
            if bias is None or weight is None or weight.ndim < 2 or bias.grad is None or weight.grad is None:
                continue
            found.append(BiasGradient(path, float(bias.grad.norm()), float(weight.grad.norm()), bias.numel()))
        return found

    try:
        made: list[BiasGradient] = subject.run(arguments, training=True, grad=True, then=measured)
    except NO_FAILURES:
        raise
    except BaseException as problem:
        raise RequestError(f"the forward or backward pass fails: {first_line(problem)}") from problem
    return made
