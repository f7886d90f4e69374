"""Random state that user code sees: seeded for one piece of work and put back afterwards."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's (if it is imported) and torch's generators, and restore all of them on leaving."""
    with random_state_kept():
        torch.manual_seed(seed)
        random.seed(seed)
        numpy = sys.modules.get("numpy")
        if numpy:
            numpy.random.seed(seed % 2**32)
        yield


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore Python's, NumPy's (if it is imported) and torch's generators on leaving."""
    numpy = sys.modules.get("numpy")
    python_state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python_state)
            if numpy:
                numpy.random.set_state(numpy_state)
