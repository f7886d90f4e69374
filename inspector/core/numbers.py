"""Numbers as people write them, read for a dtype."""

from inspector.core.errors import RequestError

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
