"""Whether a whole model is one affine map of its inputs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import later_seed
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.random_state import seeded

LIMITS = {torch.float64: 1e-9, torch.float32: 1e-4}
LARGEST_COPY = 50_000_000
"""Parameters up to which the model is copied to float64."""


@dataclass(frozen=True)
class AffineModel:
    """How far a model is from additive."""

    residual: float
    """The largest of |f(a + b) − f(a) − f(b) + f(0)|, as a share of the largest |f(a) − f(0)|."""
    dtype: str
    is_affine: bool


def affine_model(subject: Subject) -> AffineModel:
    """In float64 on a copy where the model takes that, else as it is. Raises RequestError where neither runs."""
    first, second = subject.arguments(), subject.arguments(later_seed(subject.seed, 1))
    tensors = list(tensors_in(first))
    if not tensors or any(not tensor.is_floating_point() for tensor in tensors):
        raise RequestError("additivity is asked of inputs that are floating-point numbers")
    small = sum(parameter.numel() for parameter in subject.module.parameters()) <= LARGEST_COPY
    problem: BaseException | None = None
    for dtype in (torch.float64, torch.float32) if small else (torch.float32,):
        try:
            model = subject.copied().to(dtype) if dtype == torch.float64 else subject.module
            return _measured(subject, model, first, second, dtype)
        except NO_FAILURES:
            raise
        except BaseException as raised:
            problem = raised
    raise RequestError(f"the forward pass fails: {first_line(problem) if problem else ''}")


def _measured(subject: Subject, model: nn.Module, a: Arguments, b: Arguments, dtype: torch.dtype) -> AffineModel:
    def at(*parts: Arguments) -> torch.Tensor:
        pairs = iter(list(zip(*(tensors_in(part) for part in (a, *parts)), strict=True)))

        def total(tensor: torch.Tensor) -> torch.Tensor:
            found = torch.zeros_like(tensor, dtype=dtype)
            for part in next(pairs)[1:]:
                found = found + part.to(dtype)
            return found

        arguments: Any = with_tensors(a, total)
        with subject.in_mode(training=False), seeded(subject.seed), torch.no_grad():
            if model is subject.module:
                made: list[torch.Tensor] = subject.run(arguments, then=lambda output: list(tensors_in(output)))
            else:
                model.eval()
                made = list(tensors_in(call_model(model, arguments)))
        return torch.cat([tensor.detach().flatten().double() for tensor in made if tensor.is_floating_point()])

    both, one, other, zero = at(a, b), at(a), at(b), at()
    scale = float((one - zero).abs().max())
    residual = float((both - one - other + zero).abs().max()) / scale if scale else 0.0
    return AffineModel(residual, str(dtype).removeprefix("torch."), bool(scale) and residual < LIMITS[dtype])
