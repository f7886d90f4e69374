"""Python's search for cycles among objects, put off while very many are made that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Inside, nothing looks for garbage. For work that makes records and no large tensors.

    The search goes through all objects alive whenever some more have been made: of a model of 50,000 modules it takes
    as long as the pass and the table together.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
