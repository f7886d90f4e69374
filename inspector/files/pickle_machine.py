"""What an inert reading of a pickle gives, and the machine that its opcodes work on, with its bounds."""

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any

MAX_BYTES = 128 * 2**20
MAX_OPCODES = 8_000_000
"""More than 200,000 tensors; what lies beyond is hostile or not a checkpoint. They take about three seconds."""
MAX_MEMORY = 380 * 2**20
"""Bytes of what is read and the records made of it, as far as `_COSTS` tells."""
MAX_GLOBALS = 20_000
MAX_GLOBAL = 4096
"""Characters of a dotted name."""
KEPT_CALLS = 3
"""Of each thing that is named."""
_CHAIN = 8
"""Calls of what a call gave, ``getattr(…)(…)``, that are followed back to what was named."""

Buffer = bytes | mmap.mmap


class BrokenPickleError(ValueError):
    """The bytes are not a whole pickle, or one beyond the bounds."""

    globals: "Mapping[Global, Uses]" = {}
    """What the pickle had named until then: a stock unpickler would have run it before it failed."""


@dataclass(frozen=True, slots=True)
class Global:
    """What a pickle names: a class or a function."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """The dotted name, ``torch._utils._rebuild_tensor_v2``."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Persistent:
    """A reference to something kept beside the pickle: torch's storages."""

    identity: Any


@dataclass(slots=True, eq=False)
class Call:
    """An object the pickle would have made by calling `function`, with all it would have put into it."""

    function: Any
    args: Any = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    entries: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The dotted name of the function, "" where that is itself the result of a call."""
        return self.function.path if isinstance(self.function, Global) else ""


@dataclass(slots=True)
class Uses:
    """How often the pickle would have something called, and the first of these calls."""

    count: int = 0
    first: list[Call] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pickled:
    """One pickle of a stream, read."""

    value: Any
    end: int
    """Position after its STOP opcode."""
    protocol: int
    globals: dict[Global, Uses]
    """All that it names, with the calls of each."""
    persistents: Sequence[Persistent] = ()
    """All its references to what is kept beside it, in order."""


_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
HANDLERS: dict[int, Callable[["Machine"], None]] = {}
"""What each opcode does; `inspector.files.pickle_opcodes` fills it."""
_CHARGED_AT = 2**16
_LONG = 256
"""Bytes from which on a text is charged by its length; shorter ones are by their opcode."""
KEPT = 100
"""Bytes that an entry of a dictionary takes."""
_COSTS = [8] * 256
"""About the bytes that CPython takes for what an opcode makes."""
for _codes, _cost in (
    (b"KMJIL\x8a\x8bGF", 32), (b"XTU\x8c\x8dSVBC\x8e\x96", 96), (b"(]l\x8f", 96), (b"}d", 72), (b"t\x85\x86\x87", 72),
    (b"pqr\x94", KEPT), (b"s", KEPT), (b"c\x93\x82\x83\x84", 256), (b"R\x81\x92io\x91", 256), (b"PQ", 64),
):  # fmt: skip
    for _code in _codes:
        _COSTS[_code] = _cost


class Machine:
    """The stack, the marks and the memo of one pickle that is being read."""

    def __init__(self, data: Buffer, start: int, most: int) -> None:
        self.data = data
        self.position = start
        self.limit = min(len(data), start + most)
        self.memory = len(data) if isinstance(data, bytes) else 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[Global, Uses] = {}
        self.persistents: list[Persistent] = []
        self.protocol = 0
        self.result: Any = None

    def run(self) -> None:
        """Read to the STOP opcode."""
        data, limit, handlers, costs = self.data, self.limit, HANDLERS, _COSTS
        cost = 0
        for _ in range(MAX_OPCODES):
            if self.position >= limit:
                raise BrokenPickleError(
                    "it ends in the middle" if limit == len(data) else "it is longer than it can reasonably be"
                )
            code = data[self.position]
            self.position += 1
            cost += costs[code]
            if cost > _CHARGED_AT:
                self.charge(cost)
                cost = 0
            if code == 0x2E:  # STOP
                self.result = self.stack.pop()
                return
            handler = handlers.get(code)
            if handler is None:
                raise BrokenPickleError(f"unknown opcode {code:#04x}")
            handler(self)
        raise BrokenPickleError(f"more than {MAX_OPCODES} opcodes")

    def charge(self, count: int) -> None:
        """Count bytes of memory; raises BrokenPickleError beyond `MAX_MEMORY`."""
        self.memory += count
        if self.memory > MAX_MEMORY:
            raise BrokenPickleError(f"it would take more than {MAX_MEMORY // 2**20} MiB of memory")

    def text(self, count: int, errors: str) -> str:
        """The next bytes as text; what is not UTF-8 in it is data, kept in one way or another."""
        text = self.take(count).decode("utf-8", errors)
        if count > _LONG:
            self.charge(getsizeof(text))
        return text

    def take(self, count: int) -> bytes:
        """The next bytes; raises BrokenPickleError where there are fewer."""
        end = self.position + count
        if count < 0 or end > self.limit:
            raise BrokenPickleError("it ends in the middle")
        piece = self.data[self.position : end]
        self.position = end
        if count > _LONG:
            self.charge(count)
        return piece

    def number(self, count: int, signed: bool = False) -> int:
        """The next bytes as a little-endian number."""
        return int.from_bytes(self.take(count), "little", signed=signed)

    def line(self) -> str:
        """The text up to the next end of a line."""
        end = self.data.find(b"\n", self.position, self.limit)
        if end < 0:
            raise BrokenPickleError("it ends in the middle")
        piece = self.data[self.position : end]
        self.position = end + 1
        if len(piece) > _LONG:
            # Some are decoded once more, to up to four bytes for each.
            self.charge(4 * len(piece))
        return piece.decode("utf-8", "surrogateescape")

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, which is taken away."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def name(self, module: str, name: str) -> Global:
        """Record that the pickle names something."""
        if len(module) + len(name) > MAX_GLOBAL:
            raise BrokenPickleError(f"a name of {len(module) + len(name)} characters")
        found = Global(_RENAMED.get(module, module), name)
        self.globals.setdefault(found, Uses())
        if len(self.globals) > MAX_GLOBALS:
            raise BrokenPickleError(f"it names more than {MAX_GLOBALS} things")
        return found

    def call(self, function: Any, args: Any = (), state: Any = None) -> Call:
        """Record a call of `function`, or of what a call of something named would have given."""
        made = Call(function, args, state)
        steps = 0
        while isinstance(function, Call) and steps < _CHAIN:
            function, steps = function.function, steps + 1
        if isinstance(function, Global):
            uses = self.globals[function]
            uses.count += 1
            if uses.count <= KEPT_CALLS:
                uses.first.append(made)
        return made

    def refer(self, identity: Any) -> Persistent:
        """Record a reference to something kept beside the pickle."""
        found = Persistent(identity)
        self.persistents.append(found)
        return found
