"""Read a pickle without doing what it says: names become records, calls become records of calls, nothing is run.

The stock unpickler imports what the stream names, calls it, and lets one opcode allocate gigabytes (a memo index or a
length of 2³²). This one is a plain interpreter of the opcodes of protocols 0 to 5 (`pickletools` documents each) that
never imports and never calls; lengths are held against the bytes that are there.
"""

import mmap
import struct
from collections.abc import Callable
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

Buffer = bytes | mmap.mmap


class BrokenPickleError(ValueError):
    """The bytes are not a whole pickle, or one beyond the bounds."""

    globals: "list[Global]" = []
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


@dataclass(frozen=True, slots=True)
class Pickled:
    """One pickle of a stream, read."""

    value: Any
    end: int
    """Position after its STOP opcode."""
    protocol: int
    globals: list[Global]


def read_pickle(data: Buffer, start: int = 0, most: int = MAX_BYTES) -> Pickled:
    """Read the pickle of at most `most` bytes at `start`.

    Raises BrokenPickleError where it is cut off, malformed or beyond the bounds.
    """
    machine = _Machine(data, start, most)
    try:
        machine.run()
    except BrokenPickleError as error:
        error.globals = list(machine.globals)
        raise
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, OverflowError) as error:
        broken = BrokenPickleError(f"malformed at byte {machine.position - start}: {type(error).__name__} {error}")
        broken.globals = list(machine.globals)
        raise broken from error
    return Pickled(machine.result, machine.position, machine.protocol, list(machine.globals))


_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_HANDLERS: dict[int, Callable[["_Machine"], None]] = {}
_SCALARS = (str, int, float, bytes, bool, type(None), Global, Call, Persistent)
_CHARGED_AT = 2**16
_LONG = 256
"""Bytes from which on a text is charged by its length; shorter ones are by their opcode."""
_KEPT = 100
"""Bytes that an entry of a dictionary takes."""
_COSTS = [8] * 256
"""About the bytes that CPython takes for what an opcode makes."""
for _codes, _cost in (
    (b"KMJIL\x8a\x8bGF", 32), (b"XTU\x8c\x8dSVBC\x8e\x96", 96), (b"(]l\x8f", 96), (b"}d", 72), (b"t\x85\x86\x87", 72),
    (b"pqr\x94", _KEPT), (b"s", _KEPT), (b"c\x93\x82\x83\x84", 256), (b"R\x81\x92io\x91", 256), (b"PQ", 64),
):  # fmt: skip
    for _code in _codes:
        _COSTS[_code] = _cost
_Method = Callable[["_Machine"], None]


def _opcode(*codes: bytes) -> Callable[[_Method], _Method]:
    def register(method: _Method) -> _Method:
        _HANDLERS.update({code[0]: method for code in codes})
        return method

    return register


class _Machine:
    def __init__(self, data: Buffer, start: int, most: int) -> None:
        self.data = data
        self.position = start
        self.limit = min(len(data), start + most)
        self.memory = len(data) if isinstance(data, bytes) else 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[Global, None] = {}
        self.protocol = 0
        self.result: Any = None

    def run(self) -> None:
        data, limit, handlers, costs = self.data, self.limit, _HANDLERS, _COSTS
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
        end = self.position + count
        if count < 0 or end > self.limit:
            raise BrokenPickleError("it ends in the middle")
        piece = self.data[self.position : end]
        self.position = end
        if count > _LONG:
            self.charge(count)
        return piece

    def number(self, count: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)

    def line(self) -> str:
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
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def name(self, module: str, name: str) -> Global:
        if len(module) + len(name) > MAX_GLOBAL:
            raise BrokenPickleError(f"a name of {len(module) + len(name)} characters")
        found = Global(_RENAMED.get(module, module), name)
        self.globals[found] = None
        if len(self.globals) > MAX_GLOBALS:
            raise BrokenPickleError(f"it names more than {MAX_GLOBALS} things")
        return found


# Structure


@_opcode(b"\x80")
def _proto(m: _Machine) -> None:
    m.protocol = max(m.protocol, m.number(1))


@_opcode(b"\x95")
def _frame(m: _Machine) -> None:
    m.take(8)


@_opcode(b"(")
def _mark(m: _Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


@_opcode(b"0")
def _pop(m: _Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


@_opcode(b"1")
def _pop_mark(m: _Machine) -> None:
    m.since_mark()


@_opcode(b"2")
def _dup(m: _Machine) -> None:
    m.stack.append(m.stack[-1])


# Scalars


def _push_constants() -> None:
    for code, value in ((b"N", None), (b"\x88", True), (b"\x89", False)):
        _HANDLERS[code[0]] = lambda m, value=value: m.stack.append(value)  # type: ignore[misc]


def _push_sized() -> None:
    for code, width in ((b"K", 1), (b"M", 2)):
        _HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.number(width))  # type: ignore[misc]
    for code, width in ((b"\x8a", 1), (b"\x8b", 4)):
        _HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.number(m.number(width), signed=True))  # type: ignore[misc]
    for code, width in ((b"B", 4), (b"C", 1), (b"\x8e", 8), (b"\x96", 8)):
        _HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.take(m.number(width)))  # type: ignore[misc]
    for code, width in ((b"X", 4), (b"\x8c", 1), (b"\x8d", 8)):
        _HANDLERS[code[0]] = lambda m, width=width: m.stack.append(  # type: ignore[misc]
            m.text(m.number(width), "surrogatepass")
        )
    for code, width in ((b"T", 4), (b"U", 1)):
        # Strings of Python 2; what is not UTF-8 in them is data, kept byte for byte.
        _HANDLERS[code[0]] = lambda m, width=width: m.stack.append(  # type: ignore[misc]
            m.text(m.number(width), "surrogateescape")
        )


_push_constants()
_push_sized()


@_opcode(b"J")
def _binint(m: _Machine) -> None:
    m.stack.append(m.number(4, signed=True))


@_opcode(b"I")
def _int(m: _Machine) -> None:
    text = m.line()
    m.stack.append({"00": False, "01": True}.get(text) if text in ("00", "01") else int(text, 0))


@_opcode(b"L")
def _long(m: _Machine) -> None:
    m.stack.append(int(m.line().removesuffix("L"), 0))


@_opcode(b"F")
def _float(m: _Machine) -> None:
    m.stack.append(float(m.line()))


@_opcode(b"G")
def _binfloat(m: _Machine) -> None:
    m.stack.append(struct.unpack(">d", m.take(8))[0])


@_opcode(b"S")
def _string(m: _Machine) -> None:
    m.stack.append(m.line().strip("'\"").encode("latin-1", "replace").decode("unicode_escape"))


@_opcode(b"V")
def _unicode(m: _Machine) -> None:
    m.stack.append(m.line().encode("utf-8", "surrogateescape").decode("raw_unicode_escape"))


# Containers


@_opcode(b"]")
def _empty_list(m: _Machine) -> None:
    m.stack.append([])


@_opcode(b"l")
def _list(m: _Machine) -> None:
    items = m.since_mark()
    m.stack.append(items)


@_opcode(b")")
def _empty_tuple(m: _Machine) -> None:
    m.stack.append(())


@_opcode(b"t")
def _tuple(m: _Machine) -> None:
    items = m.since_mark()
    m.stack.append(tuple(items))


@_opcode(b"\x85", b"\x86", b"\x87")
def _short_tuple(m: _Machine) -> None:
    count = m.data[m.position - 1] - 0x84
    if len(m.stack) < count:
        raise BrokenPickleError("a tuple takes more than there is")
    m.stack[-count:] = [tuple(m.stack[-count:])]


@_opcode(b"}")
def _empty_dict(m: _Machine) -> None:
    m.stack.append({})


@_opcode(b"d")
def _dict(m: _Machine) -> None:
    items = m.since_mark()
    m.charge(_KEPT * len(items) // 2)
    m.stack.append({})
    _set_items(m.stack[-1], items)


@_opcode(b"\x8f")
def _empty_set(m: _Machine) -> None:
    m.stack.append(Call(Global("builtins", "set")))


@_opcode(b"\x91")
def _frozenset(m: _Machine) -> None:
    items = m.since_mark()
    m.stack.append(Call(Global("builtins", "frozenset"), items=items))


@_opcode(b"a")
def _append(m: _Machine) -> None:
    item = m.stack.pop()
    _items(m.stack[-1]).append(item)


@_opcode(b"e", b"\x90")
def _appends(m: _Machine) -> None:
    items = m.since_mark()
    _items(m.stack[-1]).extend(items)


@_opcode(b"s")
def _setitem(m: _Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _set_items(m.stack[-1], [key, value])


@_opcode(b"u")
def _setitems(m: _Machine) -> None:
    items = m.since_mark()
    m.charge(_KEPT * len(items) // 2)
    _set_items(m.stack[-1], items)


def _items(target: Any) -> list[Any]:
    if isinstance(target, Call):
        return target.items
    if isinstance(target, list):
        return target
    raise BrokenPickleError(f"appends to a {type(target).__name__}")


def _set_items(target: Any, items: list[Any]) -> None:
    pairs = list(zip(items[::2], items[1::2], strict=True))
    if isinstance(target, Call):
        target.entries.extend(pairs)
        return
    if not isinstance(target, dict):
        raise BrokenPickleError(f"sets an item of a {type(target).__name__}")
    for key, value in pairs:
        # Hashing a tuple nested a million deep overflows the interpreter's stack.
        parts = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, _SCALARS) for part in parts):
            raise BrokenPickleError("a dictionary key is itself a container")
        target[key] = value


# Memo


@_opcode(b"g")
def _get(m: _Machine) -> None:
    m.stack.append(m.memo[int(m.line())])


@_opcode(b"h")
def _binget(m: _Machine) -> None:
    m.stack.append(m.memo[m.number(1)])


@_opcode(b"j")
def _long_binget(m: _Machine) -> None:
    m.stack.append(m.memo[m.number(4)])


@_opcode(b"p")
def _put(m: _Machine) -> None:
    m.memo[int(m.line())] = m.stack[-1]


@_opcode(b"q")
def _binput(m: _Machine) -> None:
    m.memo[m.number(1)] = m.stack[-1]


@_opcode(b"r")
def _long_binput(m: _Machine) -> None:
    m.memo[m.number(4)] = m.stack[-1]


@_opcode(b"\x94")
def _memoize(m: _Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


# Names and calls


@_opcode(b"c")
def _global(m: _Machine) -> None:
    module = m.line()
    m.stack.append(m.name(module, m.line()))


@_opcode(b"\x93")
def _stack_global(m: _Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise BrokenPickleError("a name that is not text")
    m.stack.append(m.name(module, name))


@_opcode(b"\x82", b"\x83", b"\x84")
def _extension(m: _Machine) -> None:
    width = {0x82: 1, 0x83: 2, 0x84: 4}[m.data[m.position - 1]]
    m.stack.append(m.name("copyreg", f"extension_{m.number(width)}"))


@_opcode(b"R", b"\x81")
def _reduce(m: _Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = Call(m.stack[-1], args)


@_opcode(b"\x92")
def _newobj_ex(m: _Machine) -> None:
    named, args = m.stack.pop(), m.stack.pop()
    m.stack[-1] = Call(m.stack[-1], args, entries=list(named.items()))


@_opcode(b"i")
def _inst(m: _Machine) -> None:
    module = m.line()
    called = m.name(module, m.line())
    args = m.since_mark()
    m.stack.append(Call(called, tuple(args)))


@_opcode(b"o")
def _obj(m: _Machine) -> None:
    args = m.since_mark()
    m.stack.append(Call(args[0], tuple(args[1:])))


@_opcode(b"b")
def _build(m: _Machine) -> None:
    state = m.stack.pop()
    target = m.stack[-1]
    if isinstance(target, Global):
        # A stock unpickler would change the class or module itself.
        m.stack[-1] = Call(target, state=state)
        return
    if not isinstance(target, Call):
        raise BrokenPickleError(f"gives a state to a {type(target).__name__}")
    target.state = state


@_opcode(b"P")
def _persid(m: _Machine) -> None:
    m.stack.append(Persistent(m.line()))


@_opcode(b"Q")
def _binpersid(m: _Machine) -> None:
    m.stack.append(Persistent(m.stack.pop()))
