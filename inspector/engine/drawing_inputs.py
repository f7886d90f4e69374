"""Input values from specs: drawn with a generator of their own, or read from a file."""

import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.input_files import read_input


def draw_inputs(specs: list[InputSpec], seed: int) -> list[torch.Tensor]:
    """Values for every spec, on the CPU; the same seed gives the same values, the global random state is untouched.

    Raises RequestError where a spec's distribution does not fit its dtype or its file cannot be read.
    """
    generator = torch.Generator().manual_seed(seed)
    return [read_input(spec.file) if spec.file is not None else draw_input(spec, generator) for spec in specs]


def dtype_of(spec: InputSpec) -> torch.dtype:
    """The torch dtype a spec names. Raises RequestError where torch has none of that name."""
    dtype = getattr(torch, spec.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise RequestError(f"--input {spec}: torch has no {spec.dtype}; choose another dtype")
    return dtype


def draw_input(spec: InputSpec, generator: torch.Generator) -> torch.Tensor:
    """Values for one spec that names a shape. Raises RequestError as `draw_inputs`."""
    shape, dtype = spec.shape or [], dtype_of(spec)
    try:
        return _values(spec, shape, dtype, generator)
    except RuntimeError as problem:
        raise RequestError(f"--input {spec}: this input cannot be made: {str(problem).splitlines()[0]}") from None


def _values(spec: InputSpec, shape: list[int], dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    if spec.distribution == "zeros":
        return torch.zeros(shape, dtype=dtype)
    if spec.distribution == "ones":
        return torch.ones(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator)
    if not dtype.is_floating_point:
        # Without a range, 0 and 1 are the only values that no table of indices is too small for.
        low, high = (int(spec.low or 0), int(spec.high or 0)) if spec.distribution == "range" else (0, 2)
        limits = torch.iinfo(dtype)
        if low < limits.min or high - 1 > limits.max:
            holds = f"{spec.dtype} holds {limits.min} to {limits.max} only"
            raise RequestError(f"--input {spec}: {holds}; choose another range")
        return torch.randint(low, high, shape, dtype=dtype, generator=generator)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    if spec.distribution == "normal":
        return torch.randn(shape, dtype=wide, generator=generator).to(dtype)
    least, most = (spec.low or 0.0, spec.high or 0.0) if spec.distribution == "range" else (0.0, 1.0)
    return (torch.rand(shape, dtype=wide, generator=generator) * (most - least) + least).to(dtype)
