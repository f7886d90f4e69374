"""Filters of rows, as text: ``type:Conv2d params>1e6``, ``nan | dead``, ``name:attn -frozen``.

Terms that follow each other have to hold together (``and`` may stand between them), ``|`` or ``or`` parts
alternatives and binds loosest, ``-`` or ``not`` turns one term round, parentheses hold together what they enclose. Read
by a parser of their own, never evaluated as Python.
"""

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from inspector.core.errors import RequestError
from inspector.core.filter_terms import NAMES, QUANTITIES, WORDS, Name
from inspector.core.record import Record
from inspector.core.row_facts import RowFacts
from inspector.core.row_patterns import glob
from inspector.core.table import Row
from inspector.core.tensor_conditions import OPERATORS

Test = Callable[[RowFacts, Row], bool | None]
"""Whether a row fulfils it; None where that is not known."""
DEEPEST = 50
"""How many parts may stand inside one another."""
EXAMPLES = "type:Conv2d params>1e6, nan | dead, name:attn -frozen, shape:*x256x*"
UNITS = {
    "": {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "%": 0.01},
    "bytes": {
        "": 1.0, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
        "k": 1e3, "M": 1e6, "G": 1e9,
    },
    "seconds": {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0},
}  # fmt: skip
_LACKING = {
    "pass": "tells of a pass on real values",
    "backward": "tells of a backward pass",
    "check": "tells of a check",
    "shapes": "needs a pass for the shapes",
    "weights": "tells of a file of weights loaded into a model",
}
_TOKEN = re.compile(r"\s*(?P<text>[()|&]|[^\s()|&]+)")
_COMPARED = re.compile(r"(?P<quantity>[^<>=!:]+)(?P<sign>>=|<=|==|!=|=|>|<)(?P<value>.*)", re.DOTALL)
_NUMBER = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf)(?P<unit>\D*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class RowFilter:
    """A filter that was read."""

    text: str
    test: Test
    needs: frozenset[str]
    """What has to have been done before all of it can be answered: "pass", "backward", "check", "shapes", "weights"."""

    def matches(self, facts: RowFacts, rows: Sequence[Row]) -> Iterator[int]:
        """The rows that fulfil it."""
        test = self.test
        return (row.index for row in rows if test(facts, row))

    def found(self, facts: RowFacts) -> "FoundRows":
        """The rows that fulfil it and what holds them. Raises RequestError where that cannot be told yet."""
        unanswered = self.unanswered(facts)
        if unanswered:
            raise RequestError(f"{self.text!r}: {unanswered}")
        rows = facts.table.rows
        matching = list(self.matches(facts, rows))
        kept = kept_rows(rows, matching)
        return FoundRows(filter=self.text, matching=matching, shown=[row.index for row in rows if kept[row.index]])

    def unanswered(self, facts: RowFacts) -> str:
        """What cannot be told of these rows yet, as a sentence; "" where all can."""
        table = facts.table
        have = {
            "pass": facts.runs is not None,
            "backward": any(run.gradient_norm is not None for run in facts.runs or ()),
            "check": facts.findings is not None,
            "shapes": bool(table.rows) and table.rows[0].reached,
            "weights": table.load is not None,
        }
        lacking = [need for need in _LACKING if need in self.needs and not have[need]]
        return f"part of the filter {_LACKING[lacking[0]]}, and there was none" if lacking else ""


class FoundRows(Record, frozen=True, kw_only=True):
    """What a filter finds in a table."""

    filter: str
    matching: list[int]
    shown: list[int]
    """These and the rows that hold them."""


class FilterError(RequestError):
    """A filter that does not read; `at` is the place of what is wrong, counted from 0."""

    def __init__(self, text: str, at: int, what: str) -> None:
        super().__init__(f"{text!r}, character {at + 1}: {what}")
        self.at, self.what = at, what


def kept_rows(rows: Sequence[Row], matching: Iterable[int]) -> bytes:
    """Of a filter: 1 for each row that matches and all that hold it; the root is always kept."""
    kept = bytearray(len(rows))
    kept[:1] = b"\1"
    for index in matching:
        at: int | None = index
        while at is not None and not kept[at]:
            kept[at] = 1
            at = rows[at].parent
    return bytes(kept)


def parse_filter(text: str) -> RowFilter:
    """Read a filter. Raises FilterError with the place of what does not read."""
    parser = _Parser(text)
    test = parser.whole()
    return RowFilter(text=text, test=test, needs=frozenset(parser.needs))


class _Parser:
    """By recursive descent: ``|`` binds loosest, then what stands side by side, then ``-``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [(found["text"], found.start("text")) for found in _TOKEN.finditer(text)]
        self.at = 0
        self.needs: set[str] = set()
        self._depth = 0

    def whole(self) -> Test:
        if not self.tokens:
            raise self.problem(f"a filter is missing: {EXAMPLES}")
        test = self.any_of()
        if self.at < len(self.tokens):
            raise self.problem("this ) closes nothing")
        return test

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.take("|", "or"):
            tests.append(self.all_of())
        return tests[0] if len(tests) == 1 else _any_of(tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.peek() not in ("", ")", "|", "or"):
            self.take("&", "and")
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else _all_of(tests)

    def one(self) -> Test:
        if self.take("not", "-"):
            return _not(self.deeper(self.one))
        if self.take("("):
            test = self.deeper(self.any_of)
            if not self.take(")"):
                raise self.problem("a ) is missing")
            return test
        text, at = self.token()
        if text in ("", ")", "|", "&", "and", "or"):
            raise self.problem(f"a term is missing: {EXAMPLES}")
        self.at += 1
        turned = text.startswith("-") and len(text) > 1
        test = self.term(text[turned:], at + turned)
        return _not(test) if turned else test

    def deeper(self, read: Callable[[], Test]) -> Test:
        if self._depth == DEEPEST:
            raise self.problem(f"more than {DEEPEST} parts inside one another are not read")
        self._depth += 1
        test = read()
        self._depth -= 1
        return test

    def term(self, text: str, at: int) -> Test:
        key, colon, pattern = text.partition(":")
        if colon and key in NAMES:
            if not pattern:
                raise FilterError(self.text, at + len(text), f"after {key}: stands {NAMES[key].says}; * and ? fit any")
            self.needs.add(NAMES[key].needs)
            return _named(NAMES[key], pattern)
        if compared := _COMPARED.fullmatch(text):
            return self.comparison(compared, at)
        if text in WORDS:
            self.needs.add(WORDS[text].needs)
            return WORDS[text].of
        raise FilterError(self.text, at, _unknown(key if colon else text))

    def comparison(self, compared: re.Match[str], at: int) -> Test:
        name, sign, value = compared["quantity"], compared["sign"], compared["value"]
        if name not in QUANTITIES:
            raise FilterError(self.text, at, _unknown(name))
        quantity = QUANTITIES[name]
        told = _NUMBER.fullmatch(value)
        units = UNITS[quantity.unit]
        if told is None or told["unit"] not in units:
            example = {"": "1e6, 62k", "bytes": "10MB, 4KiB", "seconds": "1ms, 0.5s"}[quantity.unit]
            place = at + compared.start("value") + (told.start("unit") if told else 0)
            raise FilterError(self.text, place, f"{name} is compared with a number: {name}{sign}{example}")
        self.needs.add(quantity.needs)
        holds = operator.eq if sign == "=" else OPERATORS[sign]
        number, of = float(told["number"]) * units[told["unit"]], quantity.of

        def test(facts: RowFacts, row: Row) -> bool | None:
            found = of(facts, row)
            return None if found is None else holds(found, number)

        return test

    def token(self) -> tuple[str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", len(self.text))

    def peek(self) -> str:
        return self.token()[0]

    def take(self, *texts: str) -> bool:
        taken = self.peek() in texts
        self.at += taken
        return taken

    def problem(self, what: str) -> FilterError:
        return FilterError(self.text, self.token()[1], what)


def _unknown(text: str) -> str:
    known = [*WORDS, *(f"{name}>" for name in QUANTITIES), *(f"{name}:" for name in NAMES)]
    folded = {one.rstrip(">:"): one for one in known}
    close = difflib.get_close_matches(text.lower(), folded, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(folded[one] for one in close)}?" if close else f"known are {', '.join(known)}"
    return f"{text!r} is nothing to filter by; {hint}"


def _named(name: Name, pattern: str) -> Test:
    known: dict[tuple[str, ...], bool] = {}
    matched = _matcher(pattern, name.anywhere)

    def test(facts: RowFacts, row: Row) -> bool | None:
        texts = tuple(name.of(row))
        if not texts:
            return None
        if name.anywhere:
            return any(map(matched, texts))
        # Types, shapes and devices are few: each is matched once.
        if texts not in known:
            known[texts] = any(map(matched, texts))
        return known[texts]

    return test


def _matcher(pattern: str, anywhere: bool) -> Callable[[str], bool]:
    if anywhere and not re.search(r"[*?]", pattern):
        sought = pattern.casefold()
        return lambda text: sought in text.casefold()
    compiled = glob(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _any_of(tests: Sequence[Test]) -> Test:
    def test(facts: RowFacts, row: Row) -> bool | None:
        answers = [one(facts, row) for one in tests]
        return True if True in answers else None if None in answers else False

    return test


def _all_of(tests: Sequence[Test]) -> Test:
    def test(facts: RowFacts, row: Row) -> bool | None:
        unknown = False
        for one in tests:
            answer = one(facts, row)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True

    return test


def _not(of: Test) -> Test:
    def test(facts: RowFacts, row: Row) -> bool | None:
        answer = of(facts, row)
        return None if answer is None else not answer

    return test
