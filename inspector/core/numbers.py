"""Numbers as people write them, read and written for a dtype."""

import struct

from inspector.core.errors import RequestError

_PACKED = {"float16": "e", "float32": "f", "bfloat16": "f"}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse_number(text: str, dtype: str) -> bool | int | float | complex:
    """The value that a text stands for in a dtype: ``1e-3``, ``nan``, ``true``, ``2+1j``.

    Raises RequestError where it stands for none; whether the dtype can hold it is not asked.
    """
    written = text.strip().lower()
    try:
        if dtype == "bool":
            return _TRUTH[written]
        if dtype.startswith("complex"):
            return complex(written.replace(" ", ""))
        return int(written) if dtype.startswith(("int", "uint")) else float(written)
    except (KeyError, ValueError):
        kind = "true or false" if dtype == "bool" else "an integer" if dtype.startswith(("int", "uint")) else "a number"
        raise RequestError(f"{text!r} is not {kind}, and the values are {dtype}") from None


def write_number(value: float, dtype: str) -> str:
    """The shortest text that stands for a real value of a dtype: ``0.1`` for the float32 nearest to it."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype.startswith(("int", "uint")):
        return str(int(value))
    packed = _PACKED.get(dtype, "d")
    texts = (f"{value:.{digits}g}" for digits in range(1, 18))
    return next(text for text in texts if _bits(float(text), packed) == _bits(value, packed))


def _bits(value: float, packed: str) -> bytes:
    try:
        return struct.pack(packed, value)
    except OverflowError:  # rounded up beyond the largest number
        return b""
