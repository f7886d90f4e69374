"""Python's search for cycles among objects, put off while very many are made that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def pass_over_what_is() -> None:
    """Leave all objects alive now out of every later search.

    For what stays as long as the program: modules, styles, the rows of a large table. What of it is dropped later is
    freed all the same, unless it is part of a circle.
    """
    gc.collect(0)
    gc.freeze()


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
