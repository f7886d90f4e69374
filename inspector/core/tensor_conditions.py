"""Conditions on a tensor's values, as text: ``nan``, ``absmax > 1e4 and shape[-1] == 400``, ``dtype == float16``.

Read by a parser of their own, never evaluated as Python.
"""

import operator
import re
from collections.abc import Callable
from typing import Protocol

from inspector.core.errors import RequestError
from inspector.core.record import Record

NUMBERS = {
    "nan": "how many elements are NaN",
    "inf": "how many are infinite",
    "absmax": "the largest absolute value; NaN does not count, infinities do",
    "min": "the smallest finite value",
    "max": "the largest finite value",
    "mean": "of the finite values",
    "std": "of the finite values",
    "zeros": "the share of elements that are exactly zero",
    "elements": "how many there are",
    "dims": "how many axes",
}
COUNTS = ("nan", "inf")
"""Numbers that alone are a condition: any."""
TEXTS = ("dtype", "device")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<word>[A-Za-z_][\w.:]*)|(?P<sign>>=|<=|==|!=|[<>()\[\]]))"
)
EXAMPLES = "nan, absmax > 1e4, shape[-1] == 400, zeros > 0.9 and dtype == float16"


class Measured(Protocol):
    """A tensor of which numbers are asked for one at a time, as most conditions need only one."""

    @property
    def shape(self) -> list[int]:
        """Its sizes."""

    @property
    def dtype(self) -> str:
        """Without ``torch.``."""

    @property
    def device(self) -> str:
        """As torch writes it."""

    def number(self, name: str) -> float | None:
        """One of `NUMBERS`; None where there is no such number."""


class Comparison(Record, frozen=True, kw_only=True):
    """A quantity beside a value; what is unknown fulfils none."""

    quantity: str
    axis: int | None = None
    """Of ``shape[axis]``."""
    sign: str
    value: float | str

    def holds(self, tensor: Measured) -> bool:
        """Whether the tensor fulfils it."""
        if isinstance(self.value, str):
            found = tensor.dtype if self.quantity == "dtype" else tensor.device
            return (found == self.value) == (self.sign == "==")
        number = self._number(tensor)
        return number is not None and OPERATORS[self.sign](number, self.value)

    def _number(self, tensor: Measured) -> float | None:
        if self.axis is None:
            return tensor.number(self.quantity)
        sizes = tensor.shape
        return sizes[self.axis] if -len(sizes) <= self.axis < len(sizes) else None


class Combination(Record, frozen=True, kw_only=True):
    """Conditions of which all (``and``), any (``or``) or none (``not``) have to hold."""

    kind: str
    parts: "list[Condition]"

    def holds(self, tensor: Measured) -> bool:
        """Whether the tensor fulfils it."""
        if self.kind == "and":
            return all(part.holds(tensor) for part in self.parts)
        found = any(part.holds(tensor) for part in self.parts)
        return not found if self.kind == "not" else found


Condition = Comparison | Combination


def parse_condition(text: str, start: int = 0) -> Condition:
    """Read the condition that begins at `start`. Raises RequestError with the position of what does not read."""
    return _Parser(text, start).whole()


def begins_condition(text: str) -> bool:
    """Whether a text can only be a condition, by how it begins and by what follows."""
    return re.match(r"\(|not\s|shape\s*\[|(nan|inf)\s*$|(nan|inf)\s+(and|or)\s|[a-z]+\s*(>|<|==|!=)", text) is not None


class _Parser:
    """By recursive descent: ``or`` binds loosest, then ``and``, then ``not``."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at = start
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise self.problem(f"{text[at]!r} means nothing there", at)
            kind = found.lastgroup or ""
            self.tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self.at = 0

    def whole(self) -> Condition:
        condition = self.any_of()
        if self.at < len(self.tokens):
            raise self.problem(f"{self.peek()!r} is too much; join conditions with and, or")
        return condition

    def any_of(self) -> Condition:
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Combination(kind="or", parts=parts)

    def all_of(self) -> Condition:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Combination(kind="and", parts=parts)

    def one(self) -> Condition:
        if self.take("not"):
            return Combination(kind="not", parts=[self.one()])
        if self.take("("):
            inside = self.any_of()
            self.expect(")")
            return inside
        return self.comparison()

    def comparison(self) -> Condition:
        quantity = self.peek()
        if quantity != "shape" and quantity not in NUMBERS and quantity not in TEXTS:
            known = ", ".join([*NUMBERS, "shape[i]", *TEXTS])
            raise self.problem(
                f"{quantity!r} is none of {known}" if quantity else f"a condition is missing: {EXAMPLES}"
            )
        self.at += 1
        axis = self.axis() if quantity == "shape" else None
        if self.peek() not in OPERATORS:
            if quantity in COUNTS:
                return Comparison(quantity=quantity, sign=">", value=0)
            name = "shape[i]" if quantity == "shape" else quantity
            raise self.problem(f"{name} is compared with a value: {name} {'==' if quantity in TEXTS else '>'} …")
        sign = self.peek()
        if quantity in TEXTS and sign not in ("==", "!="):
            raise self.problem(f"{quantity} is only equal to a name or not: ==, !=")
        self.at += 1
        return Comparison(quantity=quantity, axis=axis, sign=sign, value=self.value(quantity))

    def axis(self) -> int:
        self.expect("[")
        kind, text, _ = self.token()
        if kind != "number" or not re.fullmatch(r"[-+]?\d+", text):
            raise self.problem("the axis is a whole number: shape[-1]")
        self.at += 1
        self.expect("]")
        return int(text)

    def value(self, quantity: str) -> float | str:
        kind, text, _ = self.token()
        if quantity in TEXTS:
            if kind != "word":
                raise self.problem(f"{quantity} is a name such as {'float16' if quantity == 'dtype' else 'cuda:0'}")
            self.at += 1
            return text.removeprefix("torch.")
        if kind != "number" and text not in ("inf", "nan"):
            raise self.problem(f"{quantity} is compared with a number")
        self.at += 1
        return float(text)

    def token(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "", len(self.text))

    def peek(self) -> str:
        return self.token()[1]

    def take(self, text: str) -> bool:
        taken = self.peek() == text
        self.at += taken
        return taken

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.problem(f"a {text!r} is missing")

    def problem(self, what: str, at: int | None = None) -> RequestError:
        place = (self.token()[2] if at is None else at) + 1
        return RequestError(f"{self.text!r}, character {place}: {what}")
