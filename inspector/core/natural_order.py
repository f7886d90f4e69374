"""The order in which people count: ``layers.2`` before ``layers.10``."""

import re
from functools import lru_cache

_NUMBERS = re.compile(r"(\d{1,18})")


def natural_key(name: str) -> list[tuple[str | int, ...]]:
    """What sorts dotted names part by part, the numbers in a part by their value; numbers come before words."""
    return list(map(_part, name.split(".")))


@lru_cache(maxsize=1 << 16)
def _part(part: str) -> tuple[str | int, ...]:
    # Text and numbers alternate, beginning with text, so that like is compared with like.
    return tuple(int(piece) if at % 2 else piece for at, piece in enumerate(_NUMBERS.split(part)))
