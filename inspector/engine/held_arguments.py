"""Arguments of a call that the caller has in this process: specs of inputs name them by number.

So whatever asks for a pass says what it runs on in one way, and a structure of tensors stays the object that it is.
"""

from itertools import count
from typing import Any

from inspector.core.errors import RequestError

_numbers = count(1)
_held: dict[int, Any] = {}


def hold(argument: Any) -> int:
    """Hold an argument until it is let go; the number names it in `InputSpec.held`."""
    number = next(_numbers)
    _held[number] = argument
    return number


def let_go(number: int) -> None:
    """Hold it no longer."""
    _held.pop(number, None)


def held_argument(number: int) -> Any:
    """The argument of that number. Raises RequestError where none is held."""
    try:
        return _held[number]
    except KeyError:
        raise RequestError(
            f"--input @memory:{number}: there is no such argument; only a Python program holds some"
        ) from None
