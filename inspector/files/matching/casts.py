"""Which change of dtype keeps every value."""

_FLOATS = {
    "float64": (53, 11), "float32": (24, 8), "float16": (11, 5), "bfloat16": (8, 8),
    "float8_e4m3fn": (4, 4), "float8_e5m2": (3, 5),
}  # fmt: skip
"""Bits of the significand and of the exponent."""
_COMPLEX = {"complex128": "float64", "complex64": "float32", "complex32": "float16"}


def loses(given: str, kept: str) -> bool:
    """Whether some value of dtype `given` is not one of `kept`; True where either is not known."""
    if given == kept:
        return False
    if kept in _COMPLEX:
        return loses(_COMPLEX.get(given, given), _COMPLEX[kept])
    if given in _FLOATS and kept in _FLOATS:
        return any(have > room for have, room in zip(_FLOATS[given], _FLOATS[kept], strict=True))
    bits = _integer_bits(given)
    if bits is None:
        return True
    if kept in _FLOATS:
        significand, exponent = _FLOATS[kept]
        return bits[0] > significand or bits[0] >= 2 ** (exponent - 1)
    room = _integer_bits(kept)
    return room is None or bits[0] > room[0] or (bits[1] and not room[1])


def _integer_bits(dtype: str) -> tuple[int, bool] | None:
    """Bits of the magnitude, and whether there is a sign."""
    if dtype == "bool":
        return 1, False
    unsigned = dtype.removeprefix("u")
    if not unsigned.startswith("int") or not unsigned[3:].isdigit():
        return None
    bits = int(unsigned[3:])
    return (bits, False) if dtype.startswith("u") else (bits - 1, True)
