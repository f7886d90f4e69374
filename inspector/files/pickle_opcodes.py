"""The opcodes of pickle's protocols 0 to 5, each a small function; `pickletools` documents what they do.

None imports, none calls: a name becomes a `Global`, a call a `Call`.
"""

import struct
from collections.abc import Callable
from typing import Any

from inspector.files.pickle_machine import HANDLERS, KEPT, BrokenPickleError, Call, Global, Machine, Persistent

_SCALARS = (str, int, float, bytes, bool, type(None), Global, Call, Persistent)
_Method = Callable[["Machine"], None]


def _opcode(*codes: bytes) -> Callable[[_Method], _Method]:
    def register(method: _Method) -> _Method:
        HANDLERS.update({code[0]: method for code in codes})
        return method

    return register


# Structure


@_opcode(b"\x80")
def _proto(m: Machine) -> None:
    m.protocol = max(m.protocol, m.number(1))


@_opcode(b"\x95")
def _frame(m: Machine) -> None:
    m.take(8)


@_opcode(b"(")
def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


@_opcode(b"0")
def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


@_opcode(b"1")
def _pop_mark(m: Machine) -> None:
    m.since_mark()


@_opcode(b"2")
def _dup(m: Machine) -> None:
    m.stack.append(m.stack[-1])


# Scalars


def _push_constants() -> None:
    for code, value in ((b"N", None), (b"\x88", True), (b"\x89", False)):
        HANDLERS[code[0]] = lambda m, value=value: m.stack.append(value)  # type: ignore[misc]


def _push_sized() -> None:
    for code, width in ((b"K", 1), (b"M", 2)):
        HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.number(width))  # type: ignore[misc]
    for code, width in ((b"\x8a", 1), (b"\x8b", 4)):
        HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.number(m.number(width), signed=True))  # type: ignore[misc]
    for code, width in ((b"B", 4), (b"C", 1), (b"\x8e", 8), (b"\x96", 8)):
        HANDLERS[code[0]] = lambda m, width=width: m.stack.append(m.take(m.number(width)))  # type: ignore[misc]
    for code, width in ((b"X", 4), (b"\x8c", 1), (b"\x8d", 8)):
        HANDLERS[code[0]] = lambda m, width=width: m.stack.append(  # type: ignore[misc]
            m.text(m.number(width), "surrogatepass")
        )
    for code, width in ((b"T", 4), (b"U", 1)):
        # Strings of Python 2; what is not UTF-8 in them is data, kept byte for byte.
        HANDLERS[code[0]] = lambda m, width=width: m.stack.append(  # type: ignore[misc]
            m.text(m.number(width), "surrogateescape")
        )


_push_constants()
_push_sized()


@_opcode(b"J")
def _binint(m: Machine) -> None:
    m.stack.append(m.number(4, signed=True))


@_opcode(b"I")
def _int(m: Machine) -> None:
    text = m.line()
    m.stack.append({"00": False, "01": True}.get(text) if text in ("00", "01") else int(text, 0))


@_opcode(b"L")
def _long(m: Machine) -> None:
    m.stack.append(int(m.line().removesuffix("L"), 0))


@_opcode(b"F")
def _float(m: Machine) -> None:
    m.stack.append(float(m.line()))


@_opcode(b"G")
def _binfloat(m: Machine) -> None:
    m.stack.append(struct.unpack(">d", m.take(8))[0])


@_opcode(b"S")
def _string(m: Machine) -> None:
    m.stack.append(m.line().strip("'\"").encode("latin-1", "replace").decode("unicode_escape"))


@_opcode(b"V")
def _unicode(m: Machine) -> None:
    m.stack.append(m.line().encode("utf-8", "surrogateescape").decode("raw_unicode_escape"))


# Containers


@_opcode(b"]")
def _empty_list(m: Machine) -> None:
    m.stack.append([])


@_opcode(b"l")
def _list(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(items)


@_opcode(b")")
def _empty_tuple(m: Machine) -> None:
    m.stack.append(())


@_opcode(b"t")
def _tuple(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(tuple(items))


@_opcode(b"\x85", b"\x86", b"\x87")
def _short_tuple(m: Machine) -> None:
    count = m.data[m.position - 1] - 0x84
    if len(m.stack) < count:
        raise BrokenPickleError("a tuple takes more than there is")
    m.stack[-count:] = [tuple(m.stack[-count:])]


@_opcode(b"}")
def _empty_dict(m: Machine) -> None:
    m.stack.append({})


@_opcode(b"d")
def _dict(m: Machine) -> None:
    items = m.since_mark()
    m.charge(KEPT * len(items) // 2)
    m.stack.append({})
    _set_items(m.stack[-1], items)


@_opcode(b"\x8f")
def _empty_set(m: Machine) -> None:
    m.stack.append(Call(Global("builtins", "set")))


@_opcode(b"\x91")
def _frozenset(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(Call(Global("builtins", "frozenset"), items=items))


@_opcode(b"a")
def _append(m: Machine) -> None:
    item = m.stack.pop()
    _items(m.stack[-1]).append(item)


@_opcode(b"e", b"\x90")
def _appends(m: Machine) -> None:
    items = m.since_mark()
    _items(m.stack[-1]).extend(items)


@_opcode(b"s")
def _setitem(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _set_items(m.stack[-1], [key, value])


@_opcode(b"u")
def _setitems(m: Machine) -> None:
    items = m.since_mark()
    m.charge(KEPT * len(items) // 2)
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
def _get(m: Machine) -> None:
    m.stack.append(m.memo[int(m.line())])


@_opcode(b"h")
def _binget(m: Machine) -> None:
    m.stack.append(m.memo[m.number(1)])


@_opcode(b"j")
def _long_binget(m: Machine) -> None:
    m.stack.append(m.memo[m.number(4)])


@_opcode(b"p")
def _put(m: Machine) -> None:
    m.memo[int(m.line())] = m.stack[-1]


@_opcode(b"q")
def _binput(m: Machine) -> None:
    m.memo[m.number(1)] = m.stack[-1]


@_opcode(b"r")
def _long_binput(m: Machine) -> None:
    m.memo[m.number(4)] = m.stack[-1]


@_opcode(b"\x94")
def _memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


# Names and calls


@_opcode(b"c")
def _global(m: Machine) -> None:
    module = m.line()
    m.stack.append(m.name(module, m.line()))


@_opcode(b"\x93")
def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise BrokenPickleError("a name that is not text")
    m.stack.append(m.name(module, name))


@_opcode(b"\x82", b"\x83", b"\x84")
def _extension(m: Machine) -> None:
    width = {0x82: 1, 0x83: 2, 0x84: 4}[m.data[m.position - 1]]
    m.stack.append(m.name("copyreg", f"extension_{m.number(width)}"))


@_opcode(b"R", b"\x81")
def _reduce(m: Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], args)


@_opcode(b"\x92")
def _newobj_ex(m: Machine) -> None:
    named, args = m.stack.pop(), m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], args)
    m.stack[-1].entries = list(named.items())


@_opcode(b"i")
def _inst(m: Machine) -> None:
    module = m.line()
    called = m.name(module, m.line())
    args = m.since_mark()
    m.stack.append(m.call(called, tuple(args)))


@_opcode(b"o")
def _obj(m: Machine) -> None:
    args = m.since_mark()
    m.stack.append(m.call(args[0], tuple(args[1:])))


@_opcode(b"b")
def _build(m: Machine) -> None:
    state = m.stack.pop()
    target = m.stack[-1]
    if isinstance(target, Global):
        # A stock unpickler would change the class or module itself.
        m.stack[-1] = m.call(target, state=state)
        return
    if not isinstance(target, Call):
        raise BrokenPickleError(f"gives a state to a {type(target).__name__}")
    target.state = state


@_opcode(b"P")
def _persid(m: Machine) -> None:
    m.stack.append(m.refer(m.line()))


@_opcode(b"Q")
def _binpersid(m: Machine) -> None:
    m.stack.append(m.refer(m.stack.pop()))
