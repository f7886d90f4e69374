"""The recipe: what to open and how, small and printable, enough to open the same model again."""

import ast
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.wording import shortened

DISTRIBUTIONS = ("normal", "uniform", "zeros", "ones")
DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex64", "complex128", "uint16", "uint32", "uint64",
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "int4", "uint4", "int2", "uint2", "float4_e2m1fn",
)  # fmt: skip

SMALLEST_SEED, LARGEST_SEED = -(2**63), 2**64 - 1
"""What ``torch.manual_seed`` takes."""
LARGEST_COUNT = 2**31 - 1
"""The largest batch, and the last call of a layer, that can be asked for."""
_LONGEST_AXIS = 2**63 - 1


class InputSpec(Record, frozen=True, kw_only=True):
    """One input: a shape with dtype and distribution, a file, or a plain Python value."""

    name: str = ""
    """An argument's, or that of a part of one: see `inspector.core.input_names`."""
    shape: list[int] | None = None
    """None where the values come from `file`, or where it is no tensor."""
    dtype: str = "float32"
    distribution: str = "normal"
    low: float | None = None
    """Bounds of ``range(lo,hi)``: integers in [lo, hi) for integer dtypes, uniform numbers for the others."""
    high: float | None = None
    file: str | None = None
    value: str | None = None
    """The Python literal that is given instead of a tensor."""
    held: int | None = None
    """The number under which the engine holds the argument itself: see `inspector.engine.held_arguments`."""

    def __str__(self) -> str:
        """The spec as it is typed after ``--input``."""
        prefix = f"{self.name}=" if self.name else ""
        if self.held is not None:
            return f"{prefix}@memory:{self.held}"
        if self.file is not None:
            return f"{prefix}@{self.file}"
        if self.value is not None:
            return f"{self.name}=={self.value}"
        shape = "x".join(map(str, self.shape or [])) or "()"
        distribution = f"range({self.low:g},{self.high:g})" if self.distribution == "range" else self.distribution
        tail = "" if distribution == "normal" else f"~{distribution}"
        dtype = "" if self.dtype == "float32" else f":{self.dtype}"
        return f"{prefix}{shape}{dtype}{tail}"


class Recipe(Record, frozen=True, kw_only=True):
    """All that opens a model."""

    target: str
    weights: str | None = None
    container: str | None = None
    """Which of the state_dicts in `weights`, the keys that lead to it joined by dots; None for the one that fits."""
    arguments: str = ""
    """Constructor arguments as typed: ``num_classes=10, width=0.5``."""
    device: str | None = None
    training: bool = False
    seed: int = 0
    inputs: list[InputSpec] = []
    allow_outside: bool = False
    """Whether an index of shards may name files outside of its folder."""
    mapped: bool = False
    """Whether the values of `weights` stay in their file, and the model is made without any of its own."""
    edits: list[Edit] = []
    """Made in order once the model is open."""
    typed: list[str] = []
    """The words after ``nninspect``, which a command that is proposed repeats."""


def later_seed(seed: int, number: int) -> int:
    """The seed that comes `number` after `seed`; after the largest comes 0."""
    return seed + number if seed + number <= LARGEST_SEED else (seed + number) % 2**64


def refuse_same_batches(specs: list[InputSpec], batches: int) -> None:
    """Raises RequestError where several batches would all hold the same numbers, or there is none."""
    if batches < 1:
        raise RequestError(f"{batches} batches are no pass; give 1 or more")
    if batches > 1 and all(spec.shape is None or spec.distribution in ("zeros", "ones") for spec in specs):
        raise RequestError("no input is drawn at random, so that all batches would be the same; one is enough")


_SPEC = re.compile(
    r"(?:(?P<name>[^=@].*?)=)?"
    r"(?:@(?P<file>.+)|(?P<shape>\(\)|\d+(?:[xX×]\d+)*)(?::(?P<dtype>\w+))?(?:~(?P<distribution>\w+(?:\([^)]*\))?))?)$"
)
_VALUE = re.compile(r"(?P<name>[^=@][^=]*?)==(?P<value>.+)$")
_HELD = re.compile(r"memory:(\d{1,9})$")
_RANGE = re.compile(r"range\(\s*([^,\s]+)\s*,\s*([^,\s]+)\s*\)$")


def parse_input(text: str) -> InputSpec:
    """Read ``[NAME=]SHAPE[:DTYPE][~DISTRIBUTION]``, ``[NAME=]@FILE`` or ``NAME==VALUE``.

    Raises RequestError naming the part that is wrong.
    """
    plain = _VALUE.match(text.strip())
    if plain:
        return InputSpec(name=plain["name"], value=_plain_value(text, plain["value"].strip()))
    found = _SPEC.match(text.strip())
    if not found:
        raise RequestError(
            f"--input {_quoted(text)} is not an input: write [NAME=]SHAPE[:DTYPE][~DISTRIBUTION], "
            "for example 1x3x224x224 or ids=2x16:int64~range(0,30522), or [NAME=]@FILE, "
            "or NAME==VALUE for what is no tensor, for example steps==5"
        )
    name = found["name"] or ""
    if found["file"]:
        held = _HELD.match(found["file"])
        return InputSpec(name=name, held=int(held[1])) if held else InputSpec(name=name, file=found["file"])
    dtype = found["dtype"] or "float32"
    if dtype not in DTYPES:
        raise RequestError(f"--input {_quoted(text)}: {_quoted(dtype)} is not a dtype; one of {', '.join(DTYPES)}")
    sizes = [] if found["shape"] == "()" else re.split("[xX×]", found["shape"])
    shape = [_axis(text, size) for size in sizes]
    distribution, low, high = _parse_distribution(text, found["distribution"] or "normal")
    return InputSpec(name=name, shape=shape, dtype=dtype, distribution=distribution, low=low, high=high)


def parse_each(texts: Iterable[str]) -> list[InputSpec]:
    """Read the inputs of one pass.

    Raises RequestError where one does not read, or two have the same name.
    """
    inputs = [parse_input(text) for text in texts]
    names = [one.name for one in inputs if one.name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(f"two inputs have the same name, {_quoted(twice)}; give each name once")
    return inputs


def parse_inputs(text: str) -> list[InputSpec]:
    """Read the inputs of one pass, separated by semicolons; none from an empty text. Raises as `parse_each`."""
    return parse_each(part for part in text.split(";") if part.strip())


def _axis(spec: str, digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    # Python refuses to read numbers of thousands of digits.
    if len(significant) > len(str(_LONGEST_AXIS)) or int(significant) > _LONGEST_AXIS:
        raise RequestError(
            f"--input {_quoted(spec)}: {shortened(digits)} is longer than any axis of a tensor; write a smaller size"
        )
    return int(significant)


def _plain_value(text: str, written: str) -> str:
    """The literal as Python writes it, or as it is written where Python writes what does not read: inf for 1e999."""
    try:
        value = repr(ast.literal_eval(written))
    except _UNREADABLE:
        raise RequestError(f"--input {_quoted(text)}: {_no_literal(written)}") from None
    try:
        ast.literal_eval(value)
    except _UNREADABLE:
        return written
    return value


_UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
"""What reading a literal raises: MemoryError where it is nested too deep for Python's parser."""


def _no_literal(written: str) -> str:
    hint = f"; did you mean the text {_quoted(written)} in quotes?" if written.isidentifier() else ""
    return f"{shortened(written)} is not a Python literal (a number, text in quotes, list, …){hint}"


def _quoted(text: str) -> str:
    return repr(shortened(text))


def _parse_distribution(spec: str, text: str) -> tuple[str, float | None, float | None]:
    if text in DISTRIBUTIONS:
        return text, None, None
    found = _RANGE.match(text)
    try:
        low, high = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    except ValueError:
        found = None
    if not found or not -math.inf < low < high < math.inf:
        raise RequestError(
            f"--input {_quoted(spec)}: {_quoted(text)} is not a distribution; one of {', '.join(DISTRIBUTIONS)} "
            "or range(lo,hi) with numbers lo < hi"
        )
    return "range", low, high


def parse_arguments(text: str) -> tuple[list[object], dict[str, object]]:
    """Read ``--args`` as the Python literals of a call: positional ones and those by name.

    Raises RequestError where it is not a call's arguments or a value is not a literal.
    """
    if not text.strip():
        return [], {}
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except _UNREADABLE:
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise RequestError(
            f"--args {_quoted(text)} does not read as arguments; write for example --args 'num_classes=10, width=0.5'"
        )
    positional = [_literal(text, node) for node in call.args]
    named: dict[str, object] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise RequestError(f"--args {_quoted(text)}: ** is not allowed, name each argument")
        if keyword.arg in named:
            raise RequestError(f"--args {_quoted(text)}: {keyword.arg} is given twice; give each argument once")
        named[keyword.arg] = _literal(text, keyword.value)
    return positional, named


def as_typed(positional: list[object], named: dict[str, object]) -> str:
    """The text that `parse_arguments` reads as these."""
    return ", ".join([repr(value) for value in positional] + [f"{key}={value!r}" for key, value in named.items()])


def with_arguments(given: str, more: str) -> str:
    """Constructor arguments as typed, those in `more` added or in place of those by the same name."""
    positional, named = parse_arguments(given)
    return as_typed(positional, {**named, **parse_arguments(more)[1]})


def _literal(text: str, node: ast.expr) -> object:
    try:
        value: object = ast.literal_eval(node)
        repr(value)  # which messages need, and Python refuses to write numbers of thousands of digits
    except _UNREADABLE:
        wrong = ast.get_source_segment(f"f({text})", node) or text
        raise RequestError(f"--args {_quoted(text)}: {_no_literal(wrong)}") from None
    return value


TargetKind = Literal["python_file", "python_module", "onnx", "weights", "live"]


def live_target(name: str) -> str:
    """The TARGET of an object that lives in a Python program, which no other process can open."""
    return f"<{name}>"


class Target(Record, frozen=True, kw_only=True):
    """A TARGET taken apart."""

    kind: TargetKind
    location: str
    """The file, or the dotted module; of a live object nothing."""
    name: str | None = None
    """The class, instance or function, as dotted attributes."""

    @property
    def short_name(self) -> str:
        """What files that are written about it are called: the class, instance or function, else the file's name."""
        return (self.name or "").rpartition(".")[2] or Path(self.location).stem


def parse_target(text: str) -> Target:
    """Tell the forms of TARGET apart by their text; nothing is opened.

    Raises RequestError where the text has none of the forms.
    """
    if text.startswith("<") and text.endswith(">"):
        return Target(kind="live", location="", name=text[1:-1])
    head, colon, name = text.rpartition(":")
    if colon and head.endswith(".py"):
        return Target(kind="python_file", location=head, name=_attribute(text, name))
    if text.endswith(".py"):
        return Target(kind="python_file", location=text)
    if text.endswith(".onnx"):
        return Target(kind="onnx", location=text)
    if colon and re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", head):
        return Target(kind="python_module", location=head, name=_attribute(text, name))
    return Target(kind="weights", location=text)


def _attribute(text: str, name: str) -> str:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        raise RequestError(
            f"{text!r}: after the colon comes the name of a class, an instance or a function, not {name!r}"
        )
    return name
