"""Numbers as people write them, as values of a torch dtype."""

import math

import torch

from inspector.core.errors import RequestError
from inspector.core.numbers import parse_number


def value_of(text: str, dtype: torch.dtype, key: str) -> bool | int | float | complex:
    """The value that a text stands for. Raises RequestError where it stands for none, or none that the dtype holds."""
    name = str(dtype).removeprefix("torch.")
    value = parse_number(text, name)
    if isinstance(value, float) and math.isfinite(value) and math.isinf(float(torch.tensor(value, dtype=dtype))):
        raise RequestError(f"{key} is {name}, which cannot hold {text}")
    if isinstance(value, int) and not isinstance(value, bool):
        limits = torch.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise RequestError(f"{key} is {name}, which holds {limits.min} to {limits.max} only, not {value}")
    return value
